"""A whole answer is the fold of its stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from strategies import Script, scripts

from polystack.core.canon import ir
from polystack.core.canon.collect import collect, play
from polystack.core.canon.errors import Overloaded, ProtocolViolation
from polystack.core.canon.grammar import Grammar, State

START = ir.Started("1", "m")
DONE = ir.Finished(ir.Stop("end"))


@given(scripts())
def test_a_stream_folds_into_what_it_means(script: Script) -> None:
    assert collect(script.events) == script.response


@given(scripts())
def test_an_answer_that_is_played_again_folds_into_itself(script: Script) -> None:
    grammar = Grammar()
    events = list(play(script.response))
    for event in events:
        grammar.feed(event)
    assert grammar.state is State.DONE
    assert collect(events) == script.response


def test_a_failed_stream_raises_its_error() -> None:
    with pytest.raises(Overloaded, match="later"):
        collect([START, ir.Failed(Overloaded("later"))])


def test_a_stream_without_an_end_is_no_answer() -> None:
    with pytest.raises(ProtocolViolation, match="ended before it finished"):
        collect([START])


def test_annotations_fill_the_fields_of_a_reasoning() -> None:
    notes = [ir.Reasoning(signature="s"), ir.Reasoning(summary=("a",)), ir.Reasoning(sealed="x")]
    events = [ir.PartAnnotated(0, note) for note in notes]
    answer = collect([START, ir.PartStarted(0, ir.Reasoning()), *events, ir.PartEnded(0), DONE])
    assert answer.parts == (ir.Reasoning(signature="s", summary=("a",), sealed="x"),)


@pytest.mark.parametrize(
    ("part", "note"),
    [(ir.Text(""), ir.Reasoning()), (ir.ToolCall("c", "f", ""), ir.Citation("x"))],
)
def test_an_annotation_must_fit_its_part(part: ir.Part, note: ir.Citation | ir.Reasoning) -> None:
    with pytest.raises(ProtocolViolation, match="cannot annotate"):
        collect([START, ir.PartStarted(0, part), ir.PartAnnotated(0, note)])


def test_a_part_without_text_takes_no_deltas() -> None:
    media = ir.Media("image", url="https://example.org/a.png")
    events: list[ir.Event] = [START, ir.PartStarted(0, media), ir.Delta(0, "x"), ir.PartEnded(0)]
    with pytest.raises(ProtocolViolation, match="a Media takes no deltas"):
        collect(events)


def test_the_plain_text_of_parts_holds_what_tools_answered() -> None:
    result = ir.ToolResult("c", (ir.Text("b"), ir.Media("image", data="AAAA")))
    assert ir.text_of((ir.Text("a"), result, ir.Refusal("c"), ir.Reasoning("no"))) == "abc"
