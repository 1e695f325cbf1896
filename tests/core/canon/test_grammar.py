"""The legal order of events, transition by transition."""

from __future__ import annotations

import pytest

from polystack.core.canon import ir
from polystack.core.canon.errors import ProtocolViolation, StackError
from polystack.core.canon.grammar import TRANSITIONS, Grammar, State

START = ir.Started("1", "m")
OPEN = ir.PartStarted(0, ir.Text(""))
DELTA = ir.Delta(0, "x")
NOTE = ir.PartAnnotated(0, ir.Citation("url_citation"))
CLOSE = ir.PartEnded(0)
DONE = ir.Finished(ir.Stop("end"))
FAILED = ir.Failed(StackError("broken"))
OPAQUE = ir.Opaque("chat", "new", {})
PING = ir.Ping()


def fed(*events: ir.Event) -> Grammar:
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    return grammar


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], State.IDLE),
        ([PING], State.IDLE),
        ([START], State.OPEN),
        ([START, DONE], State.DONE),
        ([FAILED], State.DONE),
        ([START, FAILED], State.DONE),
        ([START, OPEN, FAILED], State.DONE),
        ([PING, START, PING, OPEN, DELTA, PING, NOTE, CLOSE, OPAQUE, DONE], State.DONE),
        ([START, OPEN, ir.PartStarted(7, ir.Text("")), CLOSE, ir.PartEnded(7), DONE], State.DONE),
    ],
)
def test_legal_orders(events: list[ir.Event], state: State) -> None:
    assert fed(*events).state is state


@pytest.mark.parametrize(
    ("events", "last", "message"),
    [
        ([], OPEN, "PartStarted cannot come while a stream is idle"),
        ([], DONE, "Finished cannot come while a stream is idle"),
        ([START], START, "Started cannot come while a stream is open"),
        ([START], DELTA, "part 0 is not open"),
        ([START], NOTE, "part 0 is not open"),
        ([START], CLOSE, "part 0 is not open"),
        ([START, OPEN, CLOSE], CLOSE, "part 0 is not open"),
        ([START, OPEN, CLOSE], DELTA, "part 0 is not open"),
        ([START, OPEN], OPEN, "part 0 started twice"),
        ([START, OPEN, CLOSE], OPEN, "part 0 started twice"),
        ([START, OPEN], DONE, r"parts \[0\] never ended"),
        ([START, DONE], DONE, "Finished cannot come while a stream is done"),
        ([START, DONE], PING, "Ping cannot come while a stream is done"),
        ([FAILED], FAILED, "Failed cannot come while a stream is done"),
    ],
)
def test_illegal_orders(events: list[ir.Event], last: ir.Event, message: str) -> None:
    grammar = fed(*events)
    before = grammar.state
    with pytest.raises(ProtocolViolation, match=message):
        grammar.feed(last)
    assert grammar.state is before


def test_the_table_has_no_way_out_of_the_end() -> None:
    assert TRANSITIONS[State.DONE] == {}
