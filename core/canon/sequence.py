"""Put overlapping parts one after another, for protocols whose parts may not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import ir


class Sequencer:
    """Lets the oldest open part through and holds the others until it has ended.

    A `Failed` drops what is held: the parts behind the open one were never shown, and an error
    follows at once. Everything else that is not about a part passes straight through.
    """

    def __init__(self) -> None:
        self._held: dict[int, list[ir.Event]] = {}  # open parts, oldest first

    def feed(self, event: ir.Event) -> Iterable[ir.Event]:
        if type(event) is ir.Delta and event.index == next(iter(self._held)):
            return (event,)  # nearly every event
        return self._ordered(event)

    def _ordered(self, event: ir.Event) -> Iterator[ir.Event]:
        match event:
            case ir.PartStarted(index=index):
                self._held[index] = []
            case ir.Delta(index=index) | ir.PartAnnotated(index=index) | ir.PartEnded(index=index):
                pass
            case _:
                yield event
                return
        if index != next(iter(self._held)):
            self._held[index].append(event)
            return
        yield event
        while isinstance(event, ir.PartEnded):
            del self._held[event.index]
            if not self._held:
                return
            index = next(iter(self._held))
            released, self._held[index] = self._held[index], []
            yield from released
            event = released[-1]
