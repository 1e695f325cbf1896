"""Brings a distribution's store to the form that this version reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import typer

from ...canon.errors import ConfigError
from ...contract.hookspecs import hookimpl
from .app import Sets, Source

app = typer.Typer(help="Brings a distribution's store to the form that this version reads.")


@app.command()
def upgrade(source: Source, set: Sets = None) -> None:
    """Upgrade the store's database, while no server uses it."""
    from ...runtime.config import load, store_config
    from ...runtime.plugins import Plugins

    plugins = Plugins()
    loaded = load(source, plugins=plugins, overrides=set or [])
    kept = loaded.distribution.store
    if kept is None:
        raise ConfigError(f"{loaded.path} names no store; there is nothing to upgrade")
    kind = plugins.store(kept.type)
    print(asyncio.run(kind(store_config(loaded, kind)).upgrade()))


@hookimpl
def register_commands(register: Callable[[str, Callable[..., Any]], None]) -> None:
    register("db", app)
