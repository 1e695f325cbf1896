"""Plugins are entry points of the group `polystack`, named `kind.type`: ours like anybody's.

What is installed is read from package metadata, and listing it imports nothing. One plugin is
loaded when its type is asked for; whatever goes wrong then is a `PluginError` that names the
entry point and its package, and no other plugin notices.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import pluggy

from ..canon.errors import ConfigError
from ..contract.api import Api
from ..contract.client import Client
from ..contract.executor import Executor
from ..contract.hookspecs import PROJECT, Command, Hooks
from ..contract.provider import Provider
from ..contract.store import Store
from .installed import Census, Plugin
from .spelling import choices

ProviderClass: TypeAlias = type[Provider]
StoreClass: TypeAlias = type[Store]
ExecutorClass: TypeAlias = type[Executor]


class PluginError(ConfigError):
    """A plugin is installed and does not work."""


class Plugins:
    """The plugins of this Python installation, each loaded on first use."""

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        self._given = entry_points
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(Hooks)
        self._loaded: dict[Plugin, Any] = {}
        self._added: dict[tuple[str, str], Plugin] = {}

    def add(self, provider: ProviderClass) -> None:
        """A provider of the program itself, before an installed one of the same type.

        Raises `TypeError` for a class that cannot be one.
        """
        _configurable(provider, Provider)
        self._add("provider", provider)

    def add_executor(self, executor: ExecutorClass) -> None:
        """An executor of the program itself, as `add` takes a provider."""
        _configurable(executor, Executor)
        self._add("executor", executor)

    def _add(self, kind: str, given: ProviderClass | ExecutorClass) -> None:
        where = f"{given.__module__}:{given.__qualname__}"
        plugin = Plugin(kind, given.type, "this program", "", where)
        self._added[plugin.kind, plugin.type] = plugin
        self._loaded[plugin] = given

    def list(self, kind: str | None = None) -> list[Plugin]:
        """What is installed, by kind and type, and what was added; imports none of it."""
        installed = [p for p in self._census.plugins if (p.kind, p.type) not in self._added]
        return [p for p in [*installed, *self._added.values()] if kind in (None, p.kind)]

    @property
    def broken(self) -> Sequence[str]:
        """What is installed and nobody can use, a sentence for each."""
        return self._census.broken

    def api(self, type: str) -> Api:
        found: Api = self._load("api", type)
        return found

    def client(self, type: str) -> Client:
        found: Client = self._load("client", type)
        return found

    def provider(self, type: str) -> ProviderClass:
        found: ProviderClass = self._load("provider", type)
        return found

    def store(self, type: str) -> StoreClass:
        found: StoreClass = self._load("store", type)
        return found

    def executor(self, type: str) -> ExecutorClass:
        found: ExecutorClass = self._load("executor", type)
        return found

    def command(self, name: str) -> Command:
        found: Command = self._load("command", name)
        return found

    def distribution(self, name: str) -> Path:
        found: Path = self._load("distribution", name)
        return found

    def load(self, plugin: Plugin) -> None:
        """Load one that `list` named, only to see whether it works."""
        self._load(plugin.kind, plugin.type)

    def missing(self, kind: str, type: str) -> str | None:
        """Why there is no such plugin, with what there is; None where it is installed."""
        types = {plugin.type for plugin in self.list(kind)}
        if type in types:
            return None
        return f"no {kind} {type!r} is installed; {choices(type, types, 'installed')}"

    @cached_property
    def _census(self) -> Census:
        return Census(self._given)

    def _load(self, kind: str, type: str) -> Any:
        plugin = self._only(kind, type)
        if plugin not in self._loaded:
            self._loaded[plugin] = self._register(plugin)
        return self._loaded[plugin]

    def _only(self, kind: str, type: str) -> Plugin:
        if problem := self.missing(kind, type):
            raise ConfigError(problem)
        first, *others = [plugin for plugin in self.list(kind) if plugin.type == type]
        if others:
            packages = " and ".join(f"{p.package} {p.version}" for p in [first, *others])
            raise PluginError(
                f"plugin '{kind}.{type}' is provided by {packages}; uninstall all of them but one"
            )
        return first

    def _register(self, plugin: Plugin) -> Any:
        with _blaming(plugin):
            module = self._census.plugins[plugin].load()
            self._admit(plugin, module)
            registered = self._call(plugin, module)
        if plugin.type not in registered:
            names = ", ".join(map(repr, registered)) or "nothing"
            raise PluginError(f"{plugin} registered {names}, but not {plugin.type!r}")
        return registered[plugin.type]

    def _admit(self, plugin: Plugin, module: object) -> None:
        """Check the plugin's hooks against ours; several entry points may share a module."""
        if self._hooks.is_registered(module):
            return
        try:
            self._hooks.register(module, name=f"{plugin.package}:{plugin.value}")
            self._hooks.check_pending()
        except Exception:
            if self._hooks.is_registered(module):
                self._hooks.unregister(module)
            raise

    def _call(self, plugin: Plugin, module: object) -> dict[str, Any]:
        """What this plugin alone registers for its kind, by type."""
        if plugin.kind not in _KINDS:
            raise TypeError(f"nothing loads plugins of the kind {plugin.kind!r}")
        hook, accept = _KINDS[plugin.kind]
        others = [other for other in self._hooks.get_plugins() if other is not module]
        registered: dict[str, Any] = {}
        register = accept(registered)
        self._hooks.subset_hook_caller(hook, others)(register=register)
        return registered


def _accept_apis(registered: dict[str, Any]) -> Callable[[Any], None]:
    def register(api: Any) -> None:
        if not isinstance(api, Api):
            raise TypeError(f"register() takes an instance of Api, not {api!r}")
        registered[api.name] = api

    return register


def _accept_clients(registered: dict[str, Any]) -> Callable[[Any], None]:
    def register(client: Any) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"register() takes an instance of Client, not {client!r}")
        registered[client.name] = client

    return register


def _accept_providers(registered: dict[str, Any]) -> Callable[[Any], None]:
    def register(provider: Any) -> None:
        _configurable(provider, Provider)
        registered[provider.type] = provider

    return register


def _accept_stores(registered: dict[str, Any]) -> Callable[[Any], None]:
    def register(store: Any) -> None:
        _configurable(store, Store)
        registered[store.type] = store

    return register


def _accept_executors(registered: dict[str, Any]) -> Callable[[Any], None]:
    def register(executor: Any) -> None:
        _configurable(executor, Executor)
        registered[executor.type] = executor

    return register


def _configurable(given: Any, base: type[Any]) -> None:
    """A class that the runtime can make from its configuration, or a `TypeError`."""
    if not (isinstance(given, type) and issubclass(given, base)):
        raise TypeError(f"register() takes a subclass of {base.__name__}, not {given!r}")
    if inspect.isabstract(given):
        lacking = ", ".join(sorted(getattr(given, "__abstractmethods__", ())))
        raise TypeError(f"{given.__name__} does not define {lacking}")
    if not hasattr(getattr(given, "Config", None), "model_validate"):
        raise TypeError(f"{given.__name__}.Config is not a pydantic model")


def _accept_commands(registered: dict[str, Any]) -> Callable[[Any, Any], None]:
    def register(name: Any, command: Any) -> None:
        if not (isinstance(name, str) and callable(command)):
            raise TypeError(
                f"register() takes a name and a typer app or a function, not {name!r} "
                f"and {command!r}"
            )
        registered[name] = command

    return register


def _accept_distributions(registered: dict[str, Any]) -> Callable[[Any, Any], None]:
    def register(name: Any, path: Any) -> None:
        if not (isinstance(name, str) and isinstance(path, Path)):
            raise TypeError(f"register() takes a name and a Path, not {name!r} and {path!r}")
        registered[name] = path

    return register


_KINDS: dict[str, tuple[str, Callable[[dict[str, Any]], Callable[..., None]]]] = {
    "api": ("register_apis", _accept_apis),
    "client": ("register_clients", _accept_clients),
    "provider": ("register_providers", _accept_providers),
    "store": ("register_stores", _accept_stores),
    "executor": ("register_executors", _accept_executors),
    "command": ("register_commands", _accept_commands),
    "distribution": ("register_distributions", _accept_distributions),
}


@contextmanager
def _blaming(plugin: Plugin) -> Iterator[None]:
    """Whatever a plugin raises while it loads, SystemExit too, becomes its `PluginError`."""
    try:
        yield
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:500]
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise PluginError(f"{plugin} cannot be loaded: {what}") from error
