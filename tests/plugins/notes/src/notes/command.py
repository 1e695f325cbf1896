"""Keeps notes in a folder, and lists them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from polystack.core.contract.hookspecs import hookimpl
from polystack.core.contract.store import Key

from .folder import Folder, FolderConfig

app = typer.Typer(help="Keeps notes in a folder, and lists them.")


@app.command()
def add(folder: Path, name: str, text: str) -> None:
    """Keep one note."""
    asyncio.run(_folder(folder).put(Key("me", "note", name), text.encode()))


@app.command(name="list")
def list_(folder: Path) -> None:
    """Print every note."""
    for name, text in asyncio.run(_folder(folder).list("me", "note")).records:
        print(f"{name}: {text.decode()}")


def _folder(folder: Path) -> Folder:
    return Folder(FolderConfig(path=folder))


@hookimpl
def register_commands(register: Callable[[str, Callable[..., Any]], None]) -> None:
    register("notes", app)
