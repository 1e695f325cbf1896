"""The hooks that a plugin may implement. They are synchronous: they register, or they look.

A plugin is what an entry point of the group `polystack` names: a module, or an object, with
functions marked `@hookimpl`. Entry points are called `kind.type` (`provider.llamacpp`,
`api.chat`, `distribution.starter`), and one is loaded only when its type is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pluggy

from .api import Api
from .client import Client
from .provider import Provider

PROJECT = "polystack"

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
    def register_distributions(self, register: Callable[[str, Path], None]) -> None:
        """Register distribution templates by name, each a path to a YAML file."""
