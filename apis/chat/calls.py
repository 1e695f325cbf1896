"""The tool calls of a streamed answer, put together from pieces that come in any order.

A call is known by its index and its id: some servers give every call the index 0, some give no
index at all. Its id may come late and its name in pieces, so it begins with its first argument,
or when something else does. All calls stay open until the answer ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...core.canon import ir
from ...core.canon.errors import UpstreamError
from .answer import body_of, input_of
from .shapes import Fields, count, text


@dataclass(slots=True)
class _Call:
    kind: ir.ToolKind
    id: str = ""
    name: str = ""
    part: int | None = None  # its index among the parts, once it has begun
    waiting: list[str] = field(default_factory=list)

    def named(self, piece: str) -> None:
        if piece and self.part is not None and piece != self.name:
            raise UpstreamError(f"the upstream renamed the tool call {self.name!r} to {piece!r}")
        if piece != self.name:  # a name that comes again whole is no second piece
            self.name += piece


class Calls:
    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._current: dict[int, _Call] = {}

    @property
    def any(self) -> bool:
        return bool(self._calls)

    def feed(self, delta: Fields, part: int) -> Iterator[ir.Event]:
        """What this piece makes known; calls that begin take the parts from `part` on."""
        call = self._find(delta)
        kind, body = body_of(delta)
        call.kind = kind if call.part is None and body else call.kind
        call.id = call.id or text(delta.get("id"), "id")
        call.named(text(body.get("name"), "name"))
        if piece := input_of(call.kind, body):
            call.waiting.append(piece)
        yield from self._begin(part, call)
        if call.part is not None:
            yield from _flush(call)

    def begin(self, part: int) -> Iterator[ir.Event]:
        """Begin the calls that wait for nothing more than their first argument."""
        return self._begin(part, None)

    def end(self, part: int) -> Iterator[ir.Event]:
        yield from self.begin(part)
        for call in self._calls:
            if call.part is None:
                missing = "name" if call.id else "id"
                raise UpstreamError(f"the upstream sent a tool call without {missing}")
            yield ir.PartEnded(call.part)

    def _begin(self, part: int, now: _Call | None) -> Iterator[ir.Event]:
        for call in self._calls:
            if call.part is not None or not (call.id and call.name):
                continue
            if call is now and not call.waiting:
                continue  # more of its name may come
            call.part = part
            part += 1
            yield ir.PartStarted(call.part, ir.ToolCall(call.id, call.name, "", call.kind))
            yield from _flush(call)

    def _find(self, delta: Fields) -> _Call:
        index, call_id = count(delta.get("index"), "index"), text(delta.get("id"), "id")
        kind, body = body_of(delta)
        known = [call for call in self._calls if call_id and call.id == call_id]
        if index is None:
            known = known if call_id else self._calls[-1:]
            return known[0] if known else self._add(kind, len(self._calls))
        current = self._current.get(index)
        if current is None:
            return self._add(kind, index)
        if known:
            return known[0]
        if call_id and current.id and body.get("name"):
            return self._add(kind, index)  # a call of its own under an index that is taken
        return current

    def _add(self, kind: ir.ToolKind, index: int) -> _Call:
        call = self._current[index] = _Call(kind)
        self._calls.append(call)
        return call


def _flush(call: _Call) -> Iterator[ir.Event]:
    assert call.part is not None
    for piece in call.waiting:
        yield ir.Delta(call.part, piece)
    call.waiting.clear()
