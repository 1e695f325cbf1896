"""What holds for every format: its documented examples, in any pieces, whole or broken off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces

from polystack.core.canon import ir
from polystack.providers.local.formats.table import FORMATS

from .golden import FIVE, PARIS
from .goldens import GOLDENS
from .reading import events, fold, normal, parser, read, texts

EVERY = pytest.mark.parametrize("name", GOLDENS)
# Those whose answers are a text with marks in it.
MARKED = pytest.mark.parametrize("name", [n for n, row in FORMATS.items() if row.answer is None])
CASES = [
    pytest.param(name, text, parts, id=f"{name}-{number}")
    for name, golden in GOLDENS.items()
    for number, (text, parts) in enumerate(
        [(golden.one, [PARIS]), (golden.two, [PARIS, FIVE]), *golden.more]
    )
]
BROKEN = [(name, text) for name, golden in GOLDENS.items() for text in golden.broken]


def test_every_format_has_examples() -> None:
    assert set(GOLDENS) == set(FORMATS)


@pytest.mark.parametrize(("name", "text", "parts"), CASES)
def test_calls_are_read_whole_and_by_characters(name: str, text: str, parts: list[ir.Part]) -> None:
    assert normal(read(parser(name), [text])) == normal(parts)
    assert normal(read(parser(name), text)) == normal(parts)


@MARKED
def test_text_stands_beside_calls(name: str) -> None:
    machine = parser(name)
    assert normal(read(machine, f"<think>\nhm\n</think>\n\n{GOLDENS[name].one}")) == [
        ir.Reasoning("hm"),
        PARIS,
    ]
    assert machine.calls == 1
    assert read(parser(name), "Just <text>, [so] {it} is.") == [
        ir.Text("Just <text>, [so] {it} is.")
    ]


@MARKED
def test_without_tools_a_call_is_text(name: str) -> None:
    text = GOLDENS[name].two
    assert read(parser(name, tools=None), text) == [ir.Text(text)]


def test_without_tools_a_message_for_one_is_text() -> None:
    text = GOLDENS["harmony"].one
    assert read(parser("harmony", tools=None), text) == [ir.Text('{"city": "Paris"}')]


@EVERY
def test_without_parallel_calls_the_first_is_the_last_in_any_pieces(name: str) -> None:
    for chunks in ([GOLDENS[name].two], list(GOLDENS[name].two)):
        machine = parser(name, parallel=False)
        assert normal(read(machine, chunks)) == [PARIS]
        assert machine.done


@pytest.mark.parametrize(("name", "text"), BROKEN)
def test_what_is_no_call_stays_text_letter_by_letter(name: str, text: str) -> None:
    for chunks in ([text], list(text)):
        machine = parser(name)
        assert read(machine, chunks) == [ir.Text(text)]
        assert machine.calls == 0


@pytest.mark.parametrize(("name", "text"), BROKEN)
def test_if_so_configured_what_is_no_call_ends_the_answer_with_an_error(
    name: str, text: str
) -> None:
    machine = parser(name, malformed="error")
    found = events(machine, text)
    if not machine.notes:  # nothing had announced a call
        assert ir.text_of(tuple(fold(found))) == text
        return
    last = found[-1]
    assert isinstance(last, ir.Failed)
    assert "malformed_calls: text" in last.error.message
    assert machine.failed
    assert machine.done


@EVERY
def test_a_call_that_is_cut_off_is_text_or_a_call_and_nobodys_mistake(name: str) -> None:
    whole = GOLDENS[name].one
    for end in range(1, len(whole)):
        machine = parser(name, malformed="error")
        parts = read(machine, whole[:end], cut=True)
        assert machine.notes == []
        match parts:
            case [ir.ToolCall(name="get_weather", arguments=begun)]:
                assert json.dumps({"city": "Paris"}).startswith(begun)
            case [ir.Text(text)]:
                assert text == whole[:end]
            case []:  # white space, or a shape of answers without marks in a text
                assert FORMATS[name].answer or not whole[:end].strip()
            case other:
                raise AssertionError(other)


@EVERY
@given(data=st.data(), tools=st.booleans(), stop=st.sampled_from([(), ("b",), ("a\n",)]))
def test_any_pieces_give_the_same_parts(
    data: st.DataObject, name: str, tools: bool, stop: tuple[str, ...]
) -> None:
    golden = GOLDENS[name]
    text = data.draw(texts(golden.one, *golden.marks, *(more for more, _ in golden.more)))

    def found(chunks: list[str]) -> Any:
        machine = parser(name, stop=stop) if tools else parser(name, tools=None, stop=stop)
        parts = read(machine, chunks)
        return parts, machine.notes, machine.calls, machine.met, machine.done

    assert found(data.draw(pieces(text))) == found([text])
    assert found(list(text)) == found([text])


@EVERY
@given(data=st.data())
def test_no_word_is_lost(data: st.DataObject, name: str) -> None:
    """Between marks and broken calls, words that belong to none of them come through."""
    golden = GOLDENS[name]
    found = data.draw(st.lists(st.sampled_from(golden.marks or ("",)), max_size=5))
    text = "".join(f"{fragment} KEPT{n} " for n, fragment in enumerate(found))
    parts = read(parser(name), text)
    out = "".join(
        part.name + part.arguments if isinstance(part, ir.ToolCall) else part.text
        for part in parts
        if isinstance(part, ir.ToolCall | ir.Text | ir.Reasoning)
    )
    assert all(f"KEPT{n}" in out for n in range(len(found)))
