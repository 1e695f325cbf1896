"""A stream of events cut where a client asked for it: at a stop sequence, or at a length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...core.canon import ir
from ...core.canon.stopping import StopStrings


class Cut:
    """`stop` says after the fact why the stream was cut, and `deltas` how many came through."""

    def __init__(self, sequences: tuple[str, ...], limit: int | None) -> None:
        self.stop: ir.Stop | None = None
        self.deltas = 0
        self._sequences = tuple(each for each in sequences if each)
        self._limit = limit
        self._texts: dict[int, StopStrings] = {}  # of the open texts
        self._open: set[int] = set()

    def through(self, events: Iterable[ir.Event]) -> Iterator[ir.Event]:
        """The events up to the cut, with every open part closed behind it."""
        for event in events:
            yield from self._passed(event)
            if self.stop is not None:
                break
        for index in list(self._texts):
            yield from self._flushed(index)
        if self.stop is not None:
            yield from (ir.PartEnded(index) for index in sorted(self._open))

    def _passed(self, event: ir.Event) -> Iterator[ir.Event]:
        match event:
            case ir.Delta():
                yield from self._measured(event)
                return
            case ir.PartStarted(index=index, part=part):
                self._open.add(index)
                if isinstance(part, ir.Text):
                    self._texts[index] = StopStrings(self._sequences)
            case ir.PartEnded(index=index):
                yield from self._flushed(index)
                self._open.discard(index)
            case _:
                pass
        yield event

    def _measured(self, delta: ir.Delta) -> Iterator[ir.Event]:
        if self._limit is not None and self.deltas >= self._limit:
            self.stop = ir.Stop("length")
            return
        self.deltas += 1
        strings = self._texts.get(delta.index)
        if strings is None:
            yield delta
            return
        settled = replace(delta, text=strings.feed(delta.text))
        if strings.met is not None:
            self.stop = ir.Stop("stop_sequence", strings.met)
        if settled.text or settled.logprobs or settled == delta:
            yield settled

    def _flushed(self, index: int) -> Iterator[ir.Event]:
        """The text that waited for a stop sequence which did not come."""
        strings = self._texts.pop(index, None)
        if strings is not None and (text := strings.flush()):
            yield ir.Delta(index, text)
