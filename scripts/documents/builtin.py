"""The plugins that polystack brings with it, of all that are installed."""

from __future__ import annotations

from polystack.core.runtime.installed import Plugin
from polystack.core.runtime.plugins import Plugins

PACKAGE = "polystack"


def providers(plugins: Plugins) -> list[Plugin]:
    """In the order of their modules, engines in this process first."""
    ours = [plugin for plugin in plugins.list("provider") if plugin.package == PACKAGE]
    return sorted(ours, key=lambda plugin: (plugins.provider(plugin.type).lazy, plugin.value))


def apis(plugins: Plugins) -> list[Plugin]:
    return [plugin for plugin in plugins.list("api") if plugin.package == PACKAGE]


def executors(plugins: Plugins) -> list[Plugin]:
    return [plugin for plugin in plugins.list("executor") if plugin.package == PACKAGE]


def stores(plugins: Plugins) -> list[Plugin]:
    return [plugin for plugin in plugins.list("store") if plugin.package == PACKAGE]
