"""The table of README.md: how each builtin provider is reached in each protocol."""

from __future__ import annotations

from polystack.core.contract.provider import Provider
from polystack.core.runtime.plugins import Plugins

from .builtin import apis, providers
from .configuration import markdown

INTRODUCTION = """
How a call in each protocol reaches each provider, unless its configuration says otherwise:

"""


def table() -> str:
    plugins = Plugins()
    protocols = [plugins.api(plugin.type) for plugin in apis(plugins)]
    rows = []
    for plugin in providers(plugins):
        cls = plugins.provider(plugin.type)
        native = natives(cls)
        how = ["native" if api.name in native else "translated" for api in protocols]
        rows.append([f"`{plugin.type}`", *how])
    return INTRODUCTION + markdown(["provider", *(api.title for api in protocols)], rows) + "\n"


def natives(cls: type[Provider]) -> frozenset[str]:
    """What a provider passes through by default, for a model of which nothing else is known."""
    if cls.forward is Provider.forward:
        return frozenset()
    offered = cls("any", cls.Config()).offer("any")
    if offered is None:
        raise SystemExit(f"docs: {cls.type} passes calls on; tell here for which protocols")
    return offered.native
