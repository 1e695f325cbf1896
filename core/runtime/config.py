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
from typing import Any

from pydantic import BaseModel

from ..canon.errors import ConfigError
from ..contract.provider import Provider
from .distribution import Distribution, ModelEntry, ProviderEntry, ServerConfig
from .environment import substitute
from .faults import validate
from .overrides import override
from .plugins import Plugins
from .references import check
from .secrets import mask
from .spelling import choices
from .yaml_source import BYTE_LIMIT, Node, from_mapping, parse

__all__ = [
    "Distribution",
    "Loaded",
    "ModelEntry",
    "ProviderEntry",
    "ServerConfig",
    "load",
    "masked",
    "provider_config",
]

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


def load(
    source: str | Path | Mapping[str, Any],
    *,
    plugins: Plugins,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read and check a distribution: a template's name, a path, or a mapping.

    An override is `dotted.key=value`, its value in YAML. The environment goes into a mapping as
    it does into a file.
    """
    tree, path = _read(source, plugins)
    for text in overrides:
        tree = override(tree, text)
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


def masked(loaded: Loaded, plugins: Plugins | None = None) -> dict[str, Any]:
    """The distribution as JSON values without secrets, for people to look at.

    Hidden are secrets by type and by name, and whatever the environment gave. With plugins the
    providers' configurations are complete, defaults included.
    """
    document = loaded.distribution.model_dump(mode="json", exclude_none=True)
    for name, entry in loaded.distribution.providers.items():
        shown = document["providers"][name]
        shown.pop("when", None)
        if plugins is not None:
            config = provider_config(loaded, name, plugins.provider(entry.type))
            shown["config"] = config.model_dump(mode="json", fallback=str)
    hidden = {path for path, node in loaded.tree.walk() if node.secret}
    result: dict[str, Any] = mask(document, hidden)
    return result


# -- reading --------------------------------------------------------------------------------------


def _read(source: str | Path | Mapping[str, Any], plugins: Plugins) -> tuple[Node, Path | None]:
    if isinstance(source, Mapping):
        return from_mapping(source, "the distribution"), None
    path = _locate(source, plugins)
    tree = parse(_text(path), str(path))
    if not isinstance(tree.value, dict):
        raise ConfigError(f"{tree.place}: a distribution is a mapping; begin with `version: 1`")
    return tree, path


def _locate(source: str | Path, plugins: Plugins) -> Path:
    """A file that exists comes before a template of the same name."""
    path = Path(source).expanduser()
    if isinstance(source, Path) or path.name != source or path.is_file():
        return path
    name = source.removesuffix(".yaml").removesuffix(".yml")
    templates = [plugin.type for plugin in plugins.list("distribution")]
    if name in templates:
        return plugins.distribution(name)
    raise ConfigError(
        f"{source}: no such file, and no template of this name; "
        f"{choices(name, templates, 'templates')}"
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(BYTE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > BYTE_LIMIT:
        raise ConfigError(f"{path}: larger than {BYTE_LIMIT >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError(f"{path}:{line}:{column}: not UTF-8; save it as UTF-8 text") from None


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
    local = server.host.startswith("127.") or server.host in ("localhost", "::1")
    if local or server.api_keys:
        return []
    return [f"anyone who reaches {server.host} may use this stack: server.api_keys is empty"]
