"""A stream of events cut where a client asked for it: at a stop sequence, or at a length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...core.canon import ir


class Cut:
    """`stop` says after the fact why the stream was cut, and `deltas` how many came through."""

    def __init__(self, sequences: tuple[str, ...], limit: int | None) -> None:
        self.stop: ir.Stop | None = None
        self.deltas = 0
        self._sequences = sequences
        self._limit = limit
        self._open: dict[int, ir.Part] = {}
        self._texts: dict[int, str] = {}

    def through(self, events: Iterable[ir.Event]) -> Iterator[ir.Event]:
        """The events up to the cut, with every open part closed behind it."""
        for event in events:
            if isinstance(event, ir.Delta):
                if self._limit is not None and self.deltas >= self._limit:
                    self.stop = ir.Stop("length")
                    break
                event = self._checked(event)
                self.deltas += 1
            self._follow(event)
            yield event
            if self.stop is not None:
                break
        if self.stop is not None:
            yield from (ir.PartEnded(index) for index in self._open)

    def _follow(self, event: ir.Event) -> None:
        match event:
            case ir.PartStarted(index=index, part=part):
                self._open[index] = part
                self._texts[index] = ""
            case ir.PartEnded(index=index):
                del self._open[index]
            case _:
                pass

    def _checked(self, delta: ir.Delta) -> ir.Delta:
        """The delta as far as no stop sequence is met; only what is read as text can meet one.

        Unlike a model's, a script's stop sequences are met within one delta or at its end: what
        has gone out is not taken back.
        """
        if not isinstance(self._open[delta.index], ir.Text):
            return delta
        before = self._texts[delta.index]
        whole = before + delta.text
        found = [(whole.find(each), each) for each in self._sequences if each in whole]
        self._texts[delta.index] = whole
        if not found:
            return delta
        at, sequence = min(found)
        self.stop = ir.Stop("stop_sequence", sequence)
        return ir.Delta(delta.index, whole[len(before) : at] if at > len(before) else "")
