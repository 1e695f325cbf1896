"""The commands of `stack`, ours and those of plugins; a plugin is imported when its command runs.

A builtin command comes before a plugin's of the same name. What is wrong with a plugin is one
error when its command is asked for, and nothing to any other command, nor to the help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from ...contract.hookspecs import Command
    from ...runtime.installed import Plugin


class Commands(TyperGroup):
    """The builtin commands by their definitions, the others by their packages' metadata."""

    def list_commands(self, ctx: Any) -> list[str]:
        known = super().list_commands(ctx)
        return known + sorted(_installed().keys() - set(known))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if (known := super().get_command(ctx, cmd_name)) is not None:
            return known
        plugin = _installed().get(cmd_name)
        return None if plugin is None else _Plugged(plugin)


class _Plugged(TyperCommand):
    """Stands in for a plugin's command until there are arguments to give to it."""

    def __init__(self, plugin: Plugin) -> None:
        from .listing import summary

        super().__init__(plugin.type, callback=None, help=summary(plugin))
        self._plugin = plugin

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        return self._loaded().make_context(info_name, args, parent, **extra)

    def _loaded(self) -> Any:
        from ...runtime.plugins import PluginError, Plugins

        command = Plugins().command(self._plugin.type)
        try:
            return _made(self._plugin.type, command)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise PluginError(f"{self._plugin} cannot be made a command: {said}") from error


def _made(name: str, command: Command) -> Any:
    """A typer app is a group, whose own commands follow its name; a function is one command."""
    around = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    around.callback()(lambda: None)  # so that it is a group, however few its commands
    if isinstance(command, typer.Typer):
        around.add_typer(command, name=name)
    else:
        around.command(name)(command)
    return typer.main.get_group(around).commands[name]


def _installed() -> dict[str, Plugin]:
    from ...runtime.installed import Census

    return {plugin.type: plugin for plugin in Census().plugins if plugin.kind == "command"}
