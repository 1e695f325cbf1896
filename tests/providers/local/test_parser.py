"""The parser of model text: reasoning, tool calls and text, whatever the chunks."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces

from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar
from polystack.core.canon.stopping import StopStrings, unsettled
from polystack.providers.local.parser import Nesting, Offered, Parser
from polystack.providers.local.states import TABLE, State

TOOLS = {
    "get_weather": Offered("get_weather"),
    "files__read": Offered("read", "function", "files"),
    "apply_patch": Offered("apply_patch", "custom"),
}
PARIS = '{"city": "Paris"}'
WEATHER = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'


def parser(
    tools: bool = True, thinking: bool = False, parallel: bool = True, stop: tuple[str, ...] = ()
) -> Parser:
    numbers = count(1)
    return Parser(
        lambda: f"call_{next(numbers)}",
        TOOLS if tools else None,
        thinking=thinking,
        parallel=parallel,
        stop=stop,
    )


def fold(events: list[ir.Event]) -> tuple[ir.Part, ...]:
    """The parts of some events, which have to keep the order that the grammar demands."""
    whole = [ir.Started("1", "m"), *events, ir.Finished(ir.Stop("end"))]
    grammar = Grammar()
    for event in whole:
        grammar.feed(event)
    return collect(whole).parts


def parse(*chunks: str, using: Parser | None = None, cut: bool = False) -> tuple[ir.Part, ...]:
    machine = using or parser()
    events = [event for chunk in chunks for event in machine.feed(chunk)]
    return fold(events + machine.close(cut))


def call(number: int, name: str, arguments: str) -> ir.ToolCall:
    return ir.ToolCall(f"call_{number}", name, arguments)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello.", [ir.Text("Hello.")]),
        ("  indented", [ir.Text("  indented")]),
        ("trailing \n", [ir.Text("trailing \n")]),
        ("<think>\nhm\n</think>\n\nYes.", [ir.Reasoning("hm"), ir.Text("Yes.")]),
        ("<think>\n\n</think>\n\nYes.", [ir.Text("Yes.")]),
        ("<think>cut off", [ir.Reasoning("cut off")]),
        ("a <b> < c", [ir.Text("a <b> < c")]),
        ("I say <think> in words", [ir.Text("I say <think> in words")]),
        (WEATHER, [call(1, "get_weather", '{"city": "Paris"}')]),
        (f"Let me see.\n{WEATHER}", [ir.Text("Let me see."), call(1, "get_weather", PARIS)]),
        (
            f"<think>\nhm\n</think>\n\n{WEATHER}",
            [ir.Reasoning("hm"), call(1, "get_weather", '{"city": "Paris"}')],
        ),
        (
            f"{WEATHER}\n<think>so</think>{WEATHER}\nDone.",
            [
                call(1, "get_weather", '{"city": "Paris"}'),
                ir.Reasoning("so"),
                call(2, "get_weather", '{"city": "Paris"}'),
                ir.Text("Done."),
            ],
        ),
        (
            '<tool_call>{"name": "files__read", "arguments": {}}</tool_call>',
            [ir.ToolCall("call_1", "read", "{}", "function", "files")],
        ),
        (
            '<tool_call>{"name": "apply_patch", "arguments": {"input": "*\\n\\"x\\""}}</tool_call>',
            [ir.ToolCall("call_1", "apply_patch", '*\n"x"', "custom")],
        ),
        # What models do beside the format.
        ('<tool_call>{"name": "get_weather"}</tool_call>', [call(1, "get_weather", "{}")]),
        (
            '<tool_call>{"arguments": {"a": 1}, "name": "get_weather"}</tool_call>',
            [call(1, "get_weather", '{"a": 1}')],
        ),
        (
            '<tool_call>{"name": "get_weather", "parameters": {"a": 1}}</tool_call>',
            [call(1, "get_weather", '{"a": 1}')],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": "{\\"a\\": 1}"}</tool_call>',
            [call(1, "get_weather", '{"a": 1}')],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"a": 1}}',
            [call(1, "get_weather", '{"a": 1}')],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"a": 1}\n</tool_call>Text.',
            [call(1, "get_weather", '{"a": 1}'), ir.Text("Text.")],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"a": 1}, "id": "}"}</tool_call>T',
            [call(1, "get_weather", '{"a": 1}'), ir.Text("T")],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"a": "</tool_call>}"}}</tool_call>',
            [call(1, "get_weather", '{"a": "</tool_call>}"}')],
        ),
        (
            '<tool_call>{"name": "made_up", "arguments": {}}</tool_call>',
            [call(1, "made_up", "{}")],
        ),
    ],
)  # fmt: skip
def test_text_becomes_parts_whole_and_by_characters(text: str, parts: list[ir.Part]) -> None:
    assert list(parse(text)) == parts
    assert list(parse(*text)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>not JSON</tool_call>",
        '<tool_call>{"name": }</tool_call>',
        '<tool_call>{"nome": "x", "arguments": {}}</tool_call>',
        '<tool_call>{"name": 5}</tool_call>',
        '<tool_call>{"name": "get_wea',
    ],
)
def test_a_malformed_call_stays_text_and_is_noted(text: str) -> None:
    machine = parser()
    assert ir.text_of(parse(*text, using=machine)) == text
    assert machine.calls == 0
    assert machine.notes == ["a malformed tool call was left in the text"]


def test_text_behind_a_malformed_call_is_read_as_ever() -> None:
    parts = parse(f"<tool_call>oops</tool_call> then {WEATHER}")
    assert ir.text_of(parts) == "<tool_call>oops</tool_call> then"
    assert parts[-1] == call(1, "get_weather", '{"city": "Paris"}')


def test_without_tools_the_marks_of_a_call_are_text() -> None:
    assert parse(*WEATHER, using=parser(tools=False)) == (ir.Text(WEATHER),)


def test_a_prompt_that_opened_the_reasoning_needs_no_opening_mark() -> None:
    parts = parse("hm\n</think>\n\nYes.", using=parser(thinking=True))
    assert parts == (ir.Reasoning("hm"), ir.Text("Yes."))


def test_arguments_go_out_as_they_come_and_the_name_comes_first() -> None:
    machine = parser()
    opened = machine.feed('<tool_call>\n{"name": "get_weather", "arguments": {"ci')
    assert opened == [
        ir.PartStarted(0, ir.ToolCall("call_1", "get_weather", "")),
        ir.Delta(0, '{"ci'),
    ]
    assert machine.feed('ty": 1') == [ir.Delta(0, 'ty": 1')]
    assert machine.feed("}}") == [ir.Delta(0, "}"), ir.PartEnded(0)]
    assert machine.feed("</tool_call>") == []


def test_a_call_that_is_cut_off_ends_with_what_there_is() -> None:
    machine = parser()
    cut = '<tool_call>{"name": "get_weather", "arguments": {"city": "Pa'
    assert parse(cut, using=machine, cut=True) == (call(1, "get_weather", '{"city": "Pa'),)
    assert machine.notes == []
    assert machine.calls == 0


def test_the_head_of_a_call_that_is_cut_off_stays_text_and_is_nobodys_mistake() -> None:
    machine = parser()
    assert parse('<tool_call>{"name": "get', using=machine, cut=True) == (
        ir.Text('<tool_call>{"name": "get'),
    )
    assert machine.notes == []


def test_unfinished_arguments_of_a_model_that_ended_are_noted() -> None:
    machine = parser()
    parse('<tool_call>{"name": "get_weather", "arguments": {"city": "Pa', using=machine)
    assert machine.notes == ["the arguments of a tool call are not whole"]
    assert machine.calls == 1


def test_without_parallel_calls_the_first_one_is_the_last() -> None:
    machine = parser(parallel=False)
    assert len(parse(WEATHER, WEATHER, using=machine)) == 1
    assert machine.done


# Stop strings ------------------------------------------------------------------------------------


def test_a_stop_string_ends_the_text_before_it_and_is_named() -> None:
    machine = parser(stop=("END", "STOP"))
    assert parse(*"one two STOP three END", using=machine) == (ir.Text("one two "),)
    assert machine.met == "STOP"
    assert machine.done


def test_what_might_become_a_stop_string_waits_and_then_comes() -> None:
    machine = parser(tools=False, stop=("\n\nUser:",))
    assert machine.feed("a\n\nUs") == [ir.PartStarted(0, ir.Text("")), ir.Delta(0, "a")]
    assert machine.held == 4
    assert machine.feed("e it") == [ir.Delta(0, "\n\nUse it")]


def test_stop_strings_look_at_text_only() -> None:
    machine = parser(stop=("city", "\n"))
    parts = parse(f"<think>\ncity\n</think>{WEATHER}", using=machine)
    assert parts == (ir.Reasoning("city"), call(1, "get_weather", '{"city": "Paris"}'))
    assert machine.met is None


def test_a_held_stop_string_does_not_shift_the_end_of_reasoning() -> None:
    machine = parser(stop=("</thinking>", "ok!"))
    assert parse(*"<think>a</think>ok", using=machine) == (ir.Reasoning("a"), ir.Text("ok"))


def test_of_two_stop_strings_the_one_that_is_complete_first_is_met() -> None:
    stops = StopStrings(("abcd", "bc", "abc"))
    assert stops.feed("xabcd") == "x"
    assert stops.met == "abc"


@given(st.text("ab<", max_size=12), st.lists(st.text("ab<", min_size=1, max_size=3), min_size=1))
def test_no_text_goes_out_that_a_stop_string_could_begin_in(text: str, marks: list[str]) -> None:
    size = unsettled(text, tuple(marks))
    beginnings = {mark[:n] for mark in marks for n in range(1, len(mark))}
    expected = [len(beginning) for beginning in beginnings if text.endswith(beginning)]
    assert size == max(expected, default=0)


few = st.text("ab\n", min_size=1, max_size=3)


@given(st.data(), st.text("ab\n", max_size=20), st.lists(few, min_size=1, max_size=3))
def test_stop_strings_cut_at_the_first_place_in_any_chunking(
    data: st.DataObject, text: str, strings: list[str]
) -> None:
    stops = StopStrings(tuple(strings))
    out = "".join(stops.feed(piece) for piece in data.draw(pieces(text)))
    out += stops.flush()
    whole = StopStrings(tuple(strings))
    assert out == whole.feed(text) + whole.flush()
    assert stops.met == whole.met
    if stops.met is None:
        assert out == text
        assert not any(string in text for string in strings)
    else:
        assert text.startswith(out + stops.met)


# Any chunking ------------------------------------------------------------------------------------

arguments = st.dictionaries(
    st.text('ab"\\{}\n<é', max_size=4), st.text('ab"\\{}[]\n</tool_call>', max_size=8), max_size=3
)
calls = st.tuples(st.sampled_from(["get_weather", "other"]), arguments).map(
    lambda pair: (
        "<tool_call>\n"
        + json.dumps({"name": pair[0], "arguments": pair[1]}, ensure_ascii=False)
        + "\n</tool_call>"
    )
)
fragments = st.sampled_from(
    ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool", "<", "{", "}", '"', "\n", " "]
)
model_texts = st.lists(st.text("ab \n", max_size=5) | calls | fragments, max_size=8).map("".join)


@given(
    st.data(), model_texts, st.booleans(), st.booleans(), st.sampled_from([(), ("b",), ("a\n",)])
)
def test_any_chunking_gives_the_same_parts(
    data: st.DataObject, text: str, tools: bool, thinking: bool, stop: tuple[str, ...]
) -> None:
    def machine() -> Parser:
        return parser(tools, thinking, stop=stop)

    assert parse(*data.draw(pieces(text)), using=machine()) == parse(text, using=machine())


@given(model_texts)
def test_without_tools_nothing_but_marks_and_space_is_lost(text: str) -> None:
    def bare(string: str) -> str:
        return "".join(string.replace("<think>", "").replace("</think>", "").split())

    parts = parse(*text, using=parser(tools=False))
    out = "".join(part.text for part in parts if isinstance(part, ir.Text | ir.Reasoning))
    assert bare(out) == bare(text)


@given(st.lists(st.tuples(st.sampled_from(sorted(TOOLS)), arguments), min_size=1, max_size=3))
def test_every_call_comes_back_with_its_own_arguments(
    made: list[tuple[str, dict[str, str]]],
) -> None:
    bodies = [{"name": name, "arguments": {"input": "", **given}} for name, given in made]
    text = "\n".join(f"<tool_call>\n{json.dumps(body)}\n</tool_call>" for body in bodies)
    parts = parse(*text)
    assert len(parts) == len(made)
    for part, (name, given_arguments) in zip(parts, made, strict=True):
        assert isinstance(part, ir.ToolCall)
        assert part.name == TOOLS[name].name
        if part.kind == "function":
            assert json.loads(part.arguments) == {"input": "", **given_arguments}
        else:
            assert part.arguments == given_arguments.get("input", "")


def test_every_state_stands_in_the_table() -> None:
    assert set(TABLE) == set(State)


@pytest.mark.parametrize(
    ("text", "end"),
    [('{"a": "}"}', 10), ("[[]]x", 4), ('{"a": "\\"}"}', 12), ('{"a": [1', None), ('{"', None)],
)
def test_nesting_finds_the_end_of_a_value(text: str, end: int | None) -> None:
    assert Nesting().end(text) == end
