"""Which rows the next batch has: one of each job that generates, then prompts in chunks.

A job may bring a draft of what it will say; its rows are decoded in the same step.
"""

from __future__ import annotations

from itertools import pairwise
from operator import attrgetter

from ..local.job import Job
from ..local.lookup import Lookup
from .native import Context, Span
from .slots import Slot, Slots

FEW = 32  # tokens that a job may decode in a step while others wait for their prompts
GAP = 2  # slots between two that are busy which it pays to fill
BRIDGE = [0]  # a token that nobody said


class Planner:
    """`batch` is the rows that there is room for, `prefill_chunk` how many may be of prompts."""

    def __init__(self, memory: Context, slots: Slots, batch: int, prefill_chunk: int) -> None:
        self._memory = memory
        self._slots = slots
        self._batch = batch
        self._prefill_chunk = prefill_chunk

    def plan(self) -> tuple[list[Slot], list[Span]]:
        """The next batch: generating jobs first, then prompts in the order of their arrival."""
        slots: list[Slot] = []
        spans: list[Span] = []
        running = [
            (len(job.tokens) - len(slot.tokens), slot, job)
            for slot, job in self._slots.running
            if slot.lead is None or self._slots.follow(slot)
        ]
        if any(missing > FEW for missing, _, _ in running):
            running.sort(key=_order)  # else all get what they want, in the order of their slots
        room, prefill = self._batch, self._prefill_chunk
        for missing, slot, job in running:
            size = missing if missing <= room else room
            if job.images:
                size = min(size, job.up_to_image(len(slot.tokens)))
            if missing > FEW:
                size = min(size, prefill)
                prefill -= size
            if size <= 0:
                continue
            start = len(slot.tokens)
            span, sampled = job.tokens[start : start + size], int(size == missing)
            if sampled and job.state.lookup is not None:
                draft = self._draft(job, room - size - len(running))
                span, sampled = span + draft, 1 + len(draft)
            spans.append(Span(slot.id, start, span, sampled))
            slots.append(slot)
            room -= len(span)
        if not self._memory.unified:
            _in_order(slots, spans)
            self._bridge(slots, spans, room)
        return slots, spans

    def _draft(self, job: Job, room: int) -> list[int]:
        lookup: Lookup = job.state.lookup
        room = min(room, min(job.limit, self._memory.context) - len(job.tokens) - 1)
        return lookup.draft(job.tokens, room) if room > 0 else []

    def _bridge(self, slots: list[Slot], spans: list[Span], room: int) -> None:
        """Fill small gaps between the slots of a batch, with rows that are thrown away.

        Where each slot has a memory of its own, the engine computes only neighbours together, and
        reads all weights again behind a gap.
        """
        used = [slot.id for slot in slots]
        if not used or used[-1] - used[0] < len(used):
            return
        for before, after in pairwise(used):
            gap = range(before + 1, after)
            if not self._memory.cuts or not 0 < len(gap) <= min(GAP, room):
                continue
            for slot in map(self._slots.__getitem__, gap):
                if len(slot.tokens) < self._memory.context:
                    slots.append(slot)
                    spans.append(Span(slot.id, len(slot.tokens), BRIDGE, 0))
                    room -= 1
        if len(slots) > len(used):
            _in_order(slots, spans)


def _in_order(slots: list[Slot], spans: list[Span]) -> None:
    spans.sort(key=_sequence)
    slots.sort(key=_id)


_sequence, _id = attrgetter("sequence"), attrgetter("id")


def _order(row: tuple[int, Slot, Job]) -> tuple[bool, int]:
    return row[0] > FEW, row[2].serial
