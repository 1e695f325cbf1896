"""Cutting at a stop sequence or a length, however the text was cut into deltas."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Script, pieces, scripts

from polystack.core import ir
from polystack.core.canon.grammar import Grammar
from polystack.providers.scripted.cutting import Cut


def stream(deltas: Sequence[str], part: ir.Part | None = None) -> list[ir.Event]:
    middle = [ir.Delta(0, text) for text in deltas]
    return [ir.PartStarted(0, part or ir.Text("")), *middle, ir.PartEnded(0)]


def shown(events: Sequence[ir.Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ir.Delta))


@pytest.mark.parametrize(
    ("deltas", "sequences", "text", "met"),
    [
        (["ab", "cd"], ("bc",), "a", "bc"),
        (["ab", "cd"], ("bx",), "abcd", None),
        (["ab"], ("bx",), "ab", None),
        (["a", "b", "c", "d"], ("abcx", "bcd"), "a", "bcd"),
        (["abcd"], ("cd", "b"), "a", "b"),
        (["aab"], ("ab", ""), "a", "ab"),
    ],
)
def test_a_sequence_is_met_across_deltas_and_none_of_it_goes_out(
    deltas: list[str], sequences: tuple[str, ...], text: str, met: str | None
) -> None:
    cut = Cut(sequences, None)
    events = list(cut.through(stream(deltas)))
    assert shown(events) == text
    assert cut.stop == (ir.Stop("stop_sequence", met) if met else None)
    assert events[-1] == ir.PartEnded(0)


@given(st.text("ab", max_size=8).flatmap(pieces), st.text("ab", min_size=1, max_size=3))
def test_how_a_text_is_cut_into_deltas_changes_nothing(deltas: list[str], sequence: str) -> None:
    events = list(Cut((sequence,), None).through(stream(deltas)))
    assert shown(events) == "".join(deltas).partition(sequence)[0]


@pytest.mark.parametrize("part", [ir.Reasoning(), ir.Refusal(""), ir.ToolCall("c", "f", "")])
def test_only_a_text_can_meet_a_sequence(part: ir.Part) -> None:
    cut = Cut(("b",), None)
    assert list(cut.through(stream(["abc"], part))) == stream(["abc"], part)
    assert cut.stop is None


def test_a_length_that_is_just_enough_cuts_nothing() -> None:
    cut = Cut((), 2)
    assert list(cut.through(stream(["a", "b"]))) == stream(["a", "b"])
    assert (cut.stop, cut.deltas) == (None, 2)


@given(scripts(), st.integers(1, 6), st.lists(st.sampled_from('ab"é'), max_size=2))
def test_what_is_cut_is_still_in_legal_order(
    script: Script, limit: int, sequences: list[str]
) -> None:
    grammar = Grammar()
    cut = Cut(tuple(sequences), limit)
    for event in (script.events[0], *cut.through(script.events[1:-1]), script.events[-1]):
        grammar.feed(event)
    assert cut.deltas <= limit
