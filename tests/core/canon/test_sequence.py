"""Overlapping parts come out one after another, whole, and in the order they began."""

from __future__ import annotations

from hypothesis import given
from strategies import Script, scripts

from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import StackError
from polystack.core.canon.sequence import Sequencer


def sequenced(events: tuple[ir.Event, ...]) -> list[ir.Event]:
    sequencer = Sequencer()
    return [ordered for event in events for ordered in sequencer.feed(event)]


@given(scripts())
def test_parts_never_overlap_and_nothing_is_lost(script: Script) -> None:
    events = sequenced(script.events)
    assert sorted(map(repr, events)) == sorted(map(repr, script.events))
    assert collect(events) == script.response
    open_part: int | None = None
    for event in events:
        match event:
            case ir.PartStarted(index=index):
                assert open_part is None
                open_part = index
            case ir.PartEnded(index=index):
                assert open_part == index
                open_part = None
            case ir.Delta(index=index) | ir.PartAnnotated(index=index):
                assert open_part == index


def test_a_delta_of_the_oldest_part_does_not_wait() -> None:
    sequencer = Sequencer()
    start, other = ir.PartStarted(0, ir.Text("")), ir.PartStarted(1, ir.Text(""))
    assert list(sequencer.feed(start)) == [start]
    assert list(sequencer.feed(other)) == []
    assert list(sequencer.feed(ir.Delta(1, "later"))) == []
    assert list(sequencer.feed(ir.Delta(0, "now"))) == [ir.Delta(0, "now")]
    released = list(sequencer.feed(ir.PartEnded(0)))
    assert released == [ir.PartEnded(0), other, ir.Delta(1, "later")]


def test_a_failure_passes_at_once_and_what_was_held_stays_behind() -> None:
    failed = ir.Failed(StackError("broken"))
    events = sequenced(
        (ir.PartStarted(0, ir.Text("")), ir.PartStarted(1, ir.Text("")), ir.Delta(1, "x"), failed)
    )
    assert events == [ir.PartStarted(0, ir.Text("")), failed]
