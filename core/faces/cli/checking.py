"""`stack check`: everything about a distribution that can be known without starting it."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.config import Loaded, executor_config, load, provider_config, store_config
from ...runtime.plugins import Plugins


def check(source: str, overrides: Sequence[str] = ()) -> tuple[str, list[str]]:
    """What it amounts to, and the notes; raises the `ConfigError` that it deserves."""
    plugins = Plugins()
    loaded = load(source, plugins=plugins, overrides=overrides)
    for api in loaded.distribution.apis:
        plugins.api(api)
    for name, entry in loaded.distribution.providers.items():
        provider_config(loaded, name, plugins.provider(entry.type))
    for name, executor in loaded.distribution.executors.items():
        executor_config(loaded, name, plugins.executor(executor.type))
    if (store := loaded.distribution.store) is not None:
        store_config(loaded, plugins.store(store.type))
    return f"{loaded.path} is valid: {_contents(loaded)}", loaded.notes


def _contents(loaded: Loaded) -> str:
    whole = loaded.distribution
    counts = [
        _count(len(whole.apis), "API"),
        _count(len(whole.providers), "provider"),
        _count(len(whole.models), "model"),
        _count(len(whole.aliases), "alias"),
    ]
    return ", ".join(counts)


def _count(number: int, thing: str) -> str:
    plural = {"alias": "aliases"}.get(thing, f"{thing}s")
    return f"{number} {thing if number == 1 else plural}"
