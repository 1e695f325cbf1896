"""The names of functions as an upstream takes them, and the way back.

A namespace is joined to the name, `ns__name`; characters that are not legal become `_`; where two
tools would then be called the same, the later one gets a number. The way back is a table made from
the request's own tools, and never a cut in a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ....core.canon import ir
from .case import Case, place
from .legal import Legal

LIMIT, ILLEGAL = 64, "[^a-zA-Z0-9_-]"

Named = TypeVar("Named", ir.Tool, ir.ToolCall)


@dataclass(frozen=True, slots=True)
class Known:
    """What the client calls a function that the upstream knows otherwise."""

    name: str
    namespace: str | None
    kind: ir.ToolKind


class Names:
    """`wrapped`: custom tools are offered as functions, so that their calls must be turned back."""

    def __init__(self, tools: Iterable[ir.Tool], case: Case, *, wrapped: bool) -> None:
        self._case = case
        self._wrapped = wrapped
        self._keeps_namespaces = case.api == "responses" and case.traits.namespaces
        self._legal = Legal(LIMIT, ILLEGAL)
        self._known: dict[str, Known] = {}
        tools = [tool for tool in tools if tool.kind != "server"]
        # A name that may stay as it is has the first claim to it.
        for tool in [*filter(self._may_stay, tools), *tools]:
            self._word(tool)

    @property
    def known(self) -> Mapping[str, Known]:
        """By the upstream's name, what the client calls otherwise."""
        return self._known

    def tool(self, tool: ir.Tool) -> ir.Tool:
        """A tool on offer, and in the ledger what becomes of its name."""
        named, at = self.renamed(tool), place(tool, f"tools.{tool.name}")
        if named.namespace != tool.namespace:
            self._case.losses.mapped(f"{at}.namespace", "joined to the name, and parted again")
        elif named.name != tool.name:
            self._case.losses.mapped(f"{at}.name", f"the upstream knows it as {named.name}")
        return named

    def renamed(self, named: Named) -> Named:
        word = self._word(named)
        namespace = named.namespace if self._keeps_namespaces else None
        if (word, namespace) == (named.name, named.namespace):
            return named
        return replace(named, name=word, namespace=namespace)

    def _word(self, named: ir.Tool | ir.ToolCall) -> str:
        if self._keeps_namespaces:
            return named.name
        word = self._legal.word((named.namespace, named.name), _joined(named))
        renamed = (word, None) != (named.name, named.namespace)
        if renamed or (self._wrapped and named.kind == "custom"):
            self._known.setdefault(word, Known(named.name, named.namespace, named.kind))
        return word

    def _may_stay(self, tool: ir.Tool) -> bool:
        return tool.namespace is None and self._legal.accepts(tool.name)


def _joined(named: ir.Tool | ir.ToolCall) -> str:
    return named.name if named.namespace is None else f"{named.namespace}__{named.name}"
