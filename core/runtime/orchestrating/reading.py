"""One round of an answer: what of its events the client sees, and what is to be run then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...canon import ir
from ...canon.collect import Collector
from .offering import Function


class Numbers:
    """The indices of the parts of a whole answer, in the order in which they begin."""

    def __init__(self) -> None:
        self._next = 0

    def mint(self) -> int:
        self._next += 1
        return self._next - 1

    def whole(self, part: ir.Part, text: str = "") -> Iterator[ir.Event]:
        """The events of a part that is there at once."""
        index = self.mint()
        yield ir.PartStarted(index, part)
        if text:
            yield ir.Delta(index, text)
        yield ir.PartEnded(index)


class Reading:
    """Feed it the events of a round; calls of functions that run here are kept back."""

    def __init__(self, functions: Mapping[str, Function], numbers: Numbers) -> None:
        self._functions = functions
        self._numbers = numbers
        self._places: dict[int, int | None] = {}
        self._collector = Collector()
        self.finished: ir.Finished | None = None

    def feed(self, event: ir.Event) -> ir.Event | None:
        """The event as the client sees it, if it does."""
        if isinstance(event, ir.Failed):
            return event
        self._collector.feed(event)
        match event:
            case ir.PartStarted(index=index, part=part):
                place = self._places[index] = None if self._is_ours(part) else self._numbers.mint()
                return None if place is None else replace(event, index=place)
            case ir.Delta(index=index) | ir.PartAnnotated(index=index) | ir.PartEnded(index=index):
                place = self._places[index]
                return None if place is None else replace(event, index=place)
            case ir.Finished():
                self.finished = event
                return None
            case _:
                return event

    def response(self) -> ir.Response:
        return self._collector.response()

    def ours(self) -> list[ir.ToolCall]:
        return [p for p in self.response().parts if isinstance(p, ir.ToolCall) and self._is_ours(p)]

    def theirs(self) -> bool:
        """Whether the client has calls to run, too."""
        calls = [part for part in self.response().parts if isinstance(part, ir.ToolCall)]
        return len(calls) > len(self.ours())

    def _is_ours(self, part: ir.Part) -> bool:
        if not isinstance(part, ir.ToolCall) or part.kind != "function":
            return False
        return part.namespace is None and part.name in self._functions


def total(first: ir.Usage | None, second: ir.Usage | None) -> ir.Usage | None:
    """What two rounds took together."""
    if first is None or second is None:
        return first or second
    return ir.Usage(
        first.input + second.input,
        first.output + second.output,
        _sum(first.cache_read, second.cache_read),
        _sum(first.cache_write, second.cache_write),
        _sum(first.reasoning, second.reasoning),
        first.estimated or second.estimated,
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)
