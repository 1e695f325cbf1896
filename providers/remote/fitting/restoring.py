"""The events of an answer, turned back into what the client's own request talked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ....core.canon import ir
from .names import Known
from .unwrapping import Unwrapping


class Restore:
    """Gives calls their own names, namespaces and kinds; one for each answer.

    A name that is not in the table passes as it is.
    """

    def __init__(self, known: Mapping[str, Known]) -> None:
        self._known = known
        self._unwrapping: dict[int, Unwrapping] = {}

    def feed(self, event: ir.Event) -> Iterator[ir.Event]:
        match event:
            case ir.Delta(index=index) if index in self._unwrapping:
                if text := self._unwrapping[index].feed(event.text):
                    yield replace(event, text=text)
            case ir.PartStarted(part=ir.ToolCall() as call) if call.name in self._known:
                yield self._begin(event, call)
            case ir.PartEnded(index=index) if index in self._unwrapping:
                if text := self._unwrapping.pop(index).close():
                    yield ir.Delta(index, text)
                yield event
            case _:
                yield event

    def _begin(self, event: ir.PartStarted, call: ir.ToolCall) -> ir.PartStarted:
        known = self._known[call.name]
        kind = call.kind
        if known.kind == "custom" and call.kind == "function":
            self._unwrapping[event.index] = Unwrapping()
            kind = "custom"
        named = replace(call, name=known.name, namespace=known.namespace, kind=kind)
        return replace(event, part=named)
