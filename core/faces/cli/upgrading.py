"""`stack db upgrade`: a distribution's store in the form that this version reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...canon.errors import ConfigError
from ...runtime.config import load, store_config
from ...runtime.plugins import Plugins


def upgrade(source: str, overrides: Sequence[str] = ()) -> str:
    """Do what is to be done, and say what it was; raises `ConfigError`."""
    plugins = Plugins()
    loaded = load(source, plugins=plugins, overrides=overrides)
    kept = loaded.distribution.store
    if kept is None:
        raise ConfigError(f"{loaded.path} names no store; there is nothing to upgrade")
    kind = plugins.store(kept.type)
    return asyncio.run(kind(store_config(loaded, kind)).upgrade())
