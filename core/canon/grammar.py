"""The legal order of events, as a table; every producer and every consumer shares it.

Rule 1: whatever decides whether an event may come now stands in this file.
Rule 2: this file does not know what the events mean.
"""

from __future__ import annotations

from enum import Enum

from . import ir
from .errors import ProtocolViolation


class State(Enum):
    IDLE = "idle"
    OPEN = "open"
    DONE = "done"


TRANSITIONS: dict[State, dict[type, State]] = {
    State.IDLE: {
        ir.Started: State.OPEN,
        ir.Failed: State.DONE,
    },
    State.OPEN: {
        ir.PartStarted: State.OPEN,
        ir.Delta: State.OPEN,
        ir.PartAnnotated: State.OPEN,
        ir.PartEnded: State.OPEN,
        ir.Opaque: State.OPEN,
        ir.Finished: State.DONE,
        ir.Failed: State.DONE,
    },
    State.DONE: {},
}


class Grammar:
    """Feed it every event of one generation; it raises `ProtocolViolation` at the first wrong one.

    Parts may overlap. Each index opens once, deltas and annotations go to open parts only, and
    `Finished` needs every part closed. `Failed` may leave parts open. `Ping` is legal anywhere
    before the end.
    """

    def __init__(self) -> None:
        self.state = State.IDLE
        self.open: set[int] = set()
        self._seen: set[int] = set()

    def feed(self, event: ir.Event) -> None:
        if type(event) is ir.Delta and event.index in self.open and self.state is State.OPEN:
            return  # nearly every event
        if isinstance(event, ir.Ping) and self.state is not State.DONE:
            return
        state = TRANSITIONS[self.state].get(type(event))
        if state is None:
            name = type(event).__name__
            raise ProtocolViolation(f"{name} cannot come while a stream is {self.state.value}")
        match event:
            case ir.PartStarted(index=index):
                if index in self._seen:
                    raise ProtocolViolation(f"part {index} started twice")
                self._seen.add(index)
                self.open.add(index)
            case ir.PartEnded(index=index):
                self._must_be_open(index)
                self.open.discard(index)
            case ir.Delta(index=index) | ir.PartAnnotated(index=index):
                self._must_be_open(index)
            case ir.Finished() if self.open:
                raise ProtocolViolation(f"parts {sorted(self.open)} never ended")
            case _:
                pass
        self.state = state

    def _must_be_open(self, index: int) -> None:
        if index not in self.open:
            raise ProtocolViolation(f"part {index} is not open")
