"""The tables of docs/configuration.md: every key of a distribution and of the builtin providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

from pydantic import BaseModel

from polystack.core.contract.executor import Executor
from polystack.core.contract.provider import Provider
from polystack.core.contract.store import Store
from polystack.core.runtime.distribution import Distribution
from polystack.core.runtime.plugins import Plugins

from .builtin import executors, providers, stores
from .fields import Key, keys

Configured: TypeAlias = type[Provider] | type[Store] | type[Executor]

HEAD = ("key", "what may stand there", "default", "what it is for")


def distribution() -> str:
    return table(keys(Distribution))


def provider_types() -> str:
    """A section for each plugin's module; the types that share one share their keys."""
    plugins = Plugins()
    shared = groupby(providers(plugins), key=lambda plugin: plugin.value)
    groups = [[plugins.provider(plugin.type) for plugin in group] for _, group in shared]
    return "\n".join(section(group) for group in groups)


def store_types() -> str:
    plugins = Plugins()
    return "\n".join(section([plugins.store(plugin.type)]) for plugin in stores(plugins))


def executor_types() -> str:
    plugins = Plugins()
    return "\n".join(section([plugins.executor(p.type)]) for p in executors(plugins))


def section(types: Sequence[Configured]) -> str:
    heading = "### " + ", ".join(f"`{cls.type}`" for cls in types)
    tables = [list(keys(cls.Config, _instance(cls.Config))) for cls in types]
    usual = [_usual(rows) for rows in zip(*tables, strict=True)]
    lines = [f"{heading}\n", table(usual)]
    if len(types) > 1:
        lines += ["Where a type has other defaults:\n", _exceptions(types, tables, usual)]
    return "\n".join(lines)


def _instance(config: type[BaseModel]) -> BaseModel | None:
    """A configuration that says nothing, where a type allows that: its validators add defaults."""
    required = any(field.is_required() for field in config.model_fields.values())
    return None if required else config()


def _usual(rows: Sequence[Key]) -> Key:
    """A key with the default that most types have, if most have the same."""
    ((default, times),) = Counter(row.default for row in rows).most_common(1)
    return replace(rows[0], default=default if times > len(rows) / 2 else "by type")


def _exceptions(
    types: Sequence[Configured],
    tables: Sequence[Sequence[Key]],
    usual: Sequence[Key],
) -> str:
    rows = []
    for cls, own in zip(types, tables, strict=True):
        pairs = zip(own, usual, strict=True)
        other = [f"`{key.path}` {key.default}" for key, common in pairs if key != common]
        rows.append((f"`{cls.type}`", "; ".join(other)))
    return markdown(("type", "defaults"), rows)


def table(rows: Iterable[Key]) -> str:
    return markdown(HEAD, [(f"`{k.path}`", k.type, k.default, k.about) for k in rows])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines
    )
