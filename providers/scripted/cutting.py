"""A stream of events cut where a client asked for it: at a stop sequence, or at a length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...core.canon import ir


class Cut:
    """`stop` says after the fact why the stream was cut, and `deltas` how many came through."""

    def __init__(self, sequences: tuple[str, ...], limit: int | None) -> None:
        self.stop: ir.Stop | None = None
        self.deltas = 0
        self._sequences = tuple(each for each in sequences if each)
        self._limit = limit
        self._held: dict[int, str] = {}  # of the open texts: what may yet begin a stop sequence
        self._open: set[int] = set()

    def through(self, events: Iterable[ir.Event]) -> Iterator[ir.Event]:
        """The events up to the cut, with every open part closed behind it."""
        for event in events:
            yield from self._passed(event)
            if self.stop is not None:
                break
        for index in list(self._held):
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
                    self._held[index] = ""
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
        if delta.index in self._held and self._sequences:
            delta = self._settled(delta)
            if not delta.text and not delta.logprobs:
                return
        yield delta

    def _settled(self, delta: ir.Delta) -> ir.Delta:
        """As much of an open text as no stop sequence can begin in any more."""
        text = self._held[delta.index] + delta.text
        met = [(text.find(s) + len(s), -len(s), s) for s in self._sequences if s in text]
        if met:
            end, _, sequence = min(met)  # the one that is complete first
            self.stop = ir.Stop("stop_sequence", sequence)
            self._held[delta.index] = ""
            return replace(delta, text=text[: end - len(sequence)])
        at = len(text) - self._unsettled(text)
        self._held[delta.index] = text[at:]
        return replace(delta, text=text[:at])

    def _unsettled(self, text: str) -> int:
        longest = max(len(sequence) for sequence in self._sequences)
        for size in range(min(longest - 1, len(text)), 0, -1):
            if any(sequence.startswith(text[-size:]) for sequence in self._sequences):
                return size
        return 0

    def _flushed(self, index: int) -> Iterator[ir.Event]:
        """The text that waited for a stop sequence which did not come."""
        if text := self._held.pop(index, ""):
            yield ir.Delta(index, text)
