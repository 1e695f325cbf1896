"""The events of an answer between `Started` and its terminal, in the order the script wants."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from ...core.canon import ir
from .matching import Scene
from .playing import Planned, citation, logprob, note, opaque, planned
from .script import (
    AnswerEntry,
    CitationEntry,
    EventEntry,
    NoteEntry,
    OpaqueEntry,
    PartEntry,
)


def ordered(answer: AnswerEntry, scene: Scene) -> list[ir.Event]:
    if answer.events:
        return [event for entry in answer.events for event in _raw(entry, scene)]
    parts = [planned(entry, at, scene) for at, entry in enumerate(answer.parts)]
    return list(_together(parts) if answer.overlap else _in_turn(parts))


def _in_turn(parts: list[Planned]) -> Iterator[ir.Event]:
    for index, part in enumerate(parts):
        yield _begun(index, part)
        yield from part.deltas
        yield from _ended(index, part)


def _together(parts: list[Planned]) -> Iterator[ir.Event]:
    """All parts open, their deltas in turns, and the last one closed first."""
    for index, part in enumerate(parts):
        yield _begun(index, part)
    for row in zip_longest(*(part.deltas for part in parts)):
        yield from (delta for delta in row if delta is not None)
    for index, part in reversed(list(enumerate(parts))):
        yield from _ended(index, part)


def _begun(index: int, part: Planned) -> ir.Event:
    """An opaque object is an event of its own, whole, and has no end."""
    return part.start if isinstance(part.start, ir.Opaque) else ir.PartStarted(index, part.start)


def _ended(index: int, part: Planned) -> Iterator[ir.Event]:
    if not isinstance(part.start, ir.Opaque):
        yield from (ir.PartAnnotated(index, said) for said in part.notes)
        yield ir.PartEnded(index)


def _raw(entry: EventEntry, scene: Scene) -> Iterator[ir.Event]:
    match entry:
        case EventEntry(start=int() as index, part=PartEntry() as begun):
            part = planned(begun, index, scene)
            yield ir.PartStarted(index, part.start)
            yield from part.deltas
            yield from (ir.PartAnnotated(index, said) for said in part.notes)
        case EventEntry(delta=int() as index):
            tokens = tuple(logprob(each) for each in entry.logprobs)
            yield ir.Delta(index, scene.filled(entry.text), tokens)
        case EventEntry(annotate=int() as index, citation=CitationEntry() as source):
            yield ir.PartAnnotated(index, citation(source))
        case EventEntry(annotate=int() as index, reasoning=NoteEntry() as said):
            yield ir.PartAnnotated(index, note(said))
        case EventEntry(end=int() as index):
            yield ir.PartEnded(index)
        case EventEntry(opaque=OpaqueEntry() as thing):
            yield opaque(thing)
        case _:
            yield ir.Ping()
