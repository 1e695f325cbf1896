"""A distribution, from its template, its file or a program's mapping, checked before it runs.

Every fault is a `ConfigError` in one line, with file, line and column. Nothing is loaded but the
template's own plugin: types are checked against package metadata. A provider's `config` is
checked against its class by `provider_config`, once that is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from ..contract.executor import Executor
from ..contract.provider import Provider
from ..contract.store import Store
from .distribution import (
    Distribution,
    ExecutorEntry,
    ModelEntry,
    ProviderEntry,
    ServerConfig,
    StoreEntry,
)
from .environment import substitute
from .extending import extended
from .faults import fault, validate
from .overrides import override
from .plugins import Plugins
from .references import check
from .secrets import mask
from .sources import locate, mapping, text_of
from .yaml_source import Node, from_mapping

__all__ = [
    "Distribution",
    "ExecutorEntry",
    "Loaded",
    "ModelEntry",
    "ProviderEntry",
    "ServerConfig",
    "Source",
    "StoreEntry",
    "executor_config",
    "load",
    "masked",
    "provider_config",
    "store_config",
]

_GUESSED = 16  # characters; a shorter key is no secret from those who try
_OFF = ("", "false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A distribution that holds together.

    It holds what is in use; `disabled` names the providers that `when:` left out, and `notes` says
    so in sentences, with the models and aliases that went with them. `path` is None for a
    mapping. `tree` remembers where each value was written.
    """

    distribution: Distribution
    path: Path | None
    notes: list[str]
    disabled: tuple[str, ...]
    tree: Node


Source: TypeAlias = str | Path | Mapping[str, Any] | Distribution
"""A template's name, a file, a program's mapping, or the typed values."""


def load(
    source: Source,
    *,
    plugins: Plugins,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read and check a distribution.

    What it `extends` lies below it. An override is `dotted.key=value`, its value in YAML. The
    environment goes into a mapping as it does into a file.
    """
    tree, path = _read(source, plugins)
    tree = extended(tree, path, plugins)
    for text in overrides:
        tree = override(tree, text)
    if (late := tree.child("extends")) is not None:
        raise fault(late, (), "comes too late; write `extends` into the file")
    disabled = _left_out(tree, env)
    # What a provider needs from the environment may be lacking where it is left out.
    tree = substitute(tree, env, skip={("providers", name) for name in disabled})
    distribution: Distribution = validate(Distribution, tree)
    distribution, notes = check(distribution, tree, disabled, plugins)
    notes += _exposed(distribution.server)
    return Loaded(distribution, path, notes, disabled, tree)


def provider_config(loaded: Loaded, name: str, cls: type[Provider]) -> BaseModel:
    """The configuration of one provider, as its class wants it."""
    config: BaseModel = validate(cls.Config, loaded.tree, ("providers", name, "config"))
    return config


def executor_config(loaded: Loaded, name: str, cls: type[Executor]) -> BaseModel:
    """The configuration of one executor, as its class wants it."""
    config: BaseModel = validate(cls.Config, loaded.tree, ("executors", name, "config"))
    return config


def store_config(loaded: Loaded, cls: type[Store]) -> BaseModel:
    """The configuration of the store, as its class wants it."""
    config: BaseModel = validate(cls.Config, loaded.tree, ("store", "config"))
    return config


def masked(loaded: Loaded, plugins: Plugins | None = None) -> dict[str, Any]:
    """The distribution as JSON values without secrets, for people to look at.

    Hidden are secrets by type and by name, and whatever the environment gave. With plugins the
    configurations of the providers, the executors and the store are complete, defaults included.
    """
    document = loaded.distribution.model_dump(mode="json", exclude_none=True)
    for name, entry in loaded.distribution.providers.items():
        shown = document["providers"][name]
        shown.pop("when", None)
        if plugins is not None:
            config = provider_config(loaded, name, plugins.provider(entry.type))
            shown["config"] = config.model_dump(mode="json", fallback=str)
    for name, runner in loaded.distribution.executors.items():
        if plugins is not None:
            config = executor_config(loaded, name, plugins.executor(runner.type))
            shown = config.model_dump(mode="json", fallback=str)
            document["executors"][name]["config"] = shown
    if plugins is not None and (store := loaded.distribution.store) is not None:
        config = store_config(loaded, plugins.store(store.type))
        document["store"]["config"] = config.model_dump(mode="json", fallback=str)
    hidden = {path for path, node in loaded.tree.walk() if node.secret}
    result: dict[str, Any] = mask(document, hidden)
    return result


# -- reading --------------------------------------------------------------------------------------


def _read(source: Source, plugins: Plugins) -> tuple[Node, Path | None]:
    if isinstance(source, Distribution):
        source = source.model_dump(exclude_unset=True)
    if isinstance(source, Mapping):
        return from_mapping(source, "the distribution"), None
    path = locate(source, plugins)
    return mapping(text_of(path), path), path


# -- environment ----------------------------------------------------------------------------------


def _left_out(tree: Node, env: Mapping[str, str]) -> tuple[str, ...]:
    providers = tree.child("providers")
    if providers is None or not isinstance(providers.value, dict):
        return ()
    return tuple(name for name, entry in providers.value.items() if not _wanted(entry, name, env))


def _wanted(entry: Node, name: str, env: Mapping[str, str]) -> bool:
    when = entry.child("when")
    if when is None:
        return True
    value = substitute(when, env, ("providers", name, "when")).value
    return value.strip().lower() not in _OFF if isinstance(value, str) else bool(value)


def _exposed(server: ServerConfig) -> list[str]:
    if server.host.startswith("127.") or server.host in ("localhost", "::1"):
        return []
    if not server.api_keys:
        return [f"anyone who reaches {server.host} may use this stack: server.api_keys is empty"]
    shortest = min(len(key.get_secret_value()) for key in server.api_keys)
    if shortest < _GUESSED:
        return [f"server.api_keys: a key of {shortest} characters can be guessed; use a longer one"]
    return []
