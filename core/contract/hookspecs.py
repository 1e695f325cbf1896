"""The hooks that a plugin may implement. They are synchronous: they register, or they look.

A plugin is what an entry point of the group `polystack` names: a module, or an object, with
functions marked `@hookimpl`. Entry points are called `kind.type` (`provider.llamacpp`,
`api.chat`, `store.memory`, `executor.mcp`), and one is loaded only when its type is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pluggy

from .api import Api
from .client import Client
from .executor import Executor
from .provider import Provider
from .store import Store

PROJECT = "polystack"

Command: TypeAlias = Callable[..., Any]

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Called once each, right after the plugin is loaded."""

    @hookspec
    def register_providers(self, register: Callable[[type[Provider]], None]) -> None:
        """Register provider classes; the class attribute `type` names them in distributions."""

    @hookspec
    def register_apis(self, register: Callable[[Api], None]) -> None:
        """Register protocols; the attribute `name` names them in distributions."""

    @hookspec
    def register_clients(self, register: Callable[[Client], None]) -> None:
        """Register client programs; the attribute `name` names them for `stack connect`."""

    @hookspec
    def register_stores(self, register: Callable[[type[Store]], None]) -> None:
        """Register store classes; the class attribute `type` names them in distributions."""

    @hookspec
    def register_executors(self, register: Callable[[type[Executor]], None]) -> None:
        """Register executors of server tools; the class attribute `type` names them."""

    @hookspec
    def register_commands(self, register: Callable[[str, Command], None]) -> None:
        """Register commands by the name that follows `stack`: a typer app, or a function.

        The parameters of a function become arguments and options, and its docstring the help.
        """

    @hookspec
    def register_distributions(self, register: Callable[[str, Path], None]) -> None:
        """Register distribution templates by name, each a path to a YAML file."""
