"""The parts of an answer as events; one of them is open at a time."""

from __future__ import annotations

from ...core.canon import ir
from ...core.canon.errors import StackError


class Parts:
    def __init__(self) -> None:
        self.open: type[ir.Part] | None = None
        self._index = -1
        self._events: list[ir.Event] = []

    def taken(self) -> list[ir.Event]:
        """The events since the last time."""
        events, self._events = self._events, []
        return events

    def write(self, kind: type[ir.Text] | type[ir.Reasoning], text: str) -> None:
        """Add to the part of this kind that is open, or to a new one."""
        if not text:
            return
        if self.open is not kind:
            self.end()
            self.start(kind(""))
        self.delta(text)

    def start(self, part: ir.Text | ir.Reasoning | ir.ToolCall) -> None:
        self._index += 1
        self.open = type(part)
        self._events.append(ir.PartStarted(self._index, part))

    def delta(self, text: str) -> None:
        if text:
            self._events.append(ir.Delta(self._index, text))

    def end(self) -> None:
        if self.open is not None:
            self._events.append(ir.PartEnded(self._index))
            self.open = None

    def fail(self, error: StackError) -> None:
        self._events.append(ir.Failed(error))
