"""Custom tools as functions, and the free text of their calls streamed out of JSON again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces, texts

from polystack.core.canon import ir
from polystack.providers.remote.fitting import Fitted, fit
from polystack.providers.remote.fitting.unwrapping import Unwrapping
from polystack.providers.remote.traits import Traits

GRAMMAR = ir.ToolGrammar("lark", "start: PATCH", at="tools.0.format")
PATCH = ir.Tool("patch", "Patches.", kind="custom", grammar=GRAMMAR, at="tools.0")


def fitted(
    *turns: ir.Turn, upstream: str = "chat", custom_tools: bool = False, **fields: Any
) -> Fitted:
    request = ir.Request("m", turns, tools=(PATCH,), origin="responses", **fields)
    return fit(request, upstream, Traits(custom_tools=custom_tools), "up")


def unwrapped(*sent: str) -> str:
    unwrapping = Unwrapping()
    return "".join([*(unwrapping.feed(piece) for piece in sent), unwrapping.close()])


@pytest.mark.parametrize("upstream", ["chat", "messages"])
def test_a_custom_tool_is_offered_as_a_function_that_tells_its_grammar(upstream: str) -> None:
    result = fitted(upstream=upstream)
    (tool,) = result.request.tools
    assert (tool.kind, tool.name, tool.grammar) == ("function", "patch", None)
    assert tool.schema is not None
    assert tool.schema["required"] == ["input"]
    assert tool.description == (
        "Patches.\n\nThe input must be free text that matches this lark grammar:\nstart: PATCH"
    )
    verdicts = {loss.path: loss.verdict for loss in result.losses}
    assert verdicts["tools.0"] == "mapped"
    assert verdicts["tools.0.format"] == "approximated"


@pytest.mark.parametrize("upstream", ["chat", "responses"])
def test_an_upstream_that_has_custom_tools_gets_them_as_they_are(upstream: str) -> None:
    request = ir.Request("m", (), tools=(PATCH,), origin="messages")
    assert fit(request, upstream, Traits(custom_tools=True), "up").request.tools == (PATCH,)


def test_earlier_calls_and_a_choice_follow_the_tool() -> None:
    call = ir.ToolCall("c", "patch", 'a "b"\n', "custom")
    result = ir.ToolResult("c", (ir.Text("done"),), kind="custom")
    request = fitted(
        ir.Turn("assistant", (call,)),
        ir.Turn("user", (result,)),
        tool_choice=ir.ToolChoice("named", "patch", kind="custom"),
    ).request
    assert request.turns[0].parts == (ir.ToolCall("c", "patch", '{"input": "a \\"b\\"\\n"}'),)
    assert request.turns[1].parts == (ir.ToolResult("c", (ir.Text("done"),)),)
    assert request.tool_choice == ir.ToolChoice("named", "patch")


def test_the_answers_call_comes_back_as_the_free_text_of_a_custom_tool() -> None:
    restore = fitted().restore()
    sent: list[ir.Event] = [
        ir.PartStarted(3, ir.ToolCall("c", "patch", "")),
        ir.Delta(3, '{"inp'),
        ir.Delta(3, 'ut": "a\\'),
        ir.Delta(3, 'nb"'),
        ir.Delta(3, "}"),
        ir.PartEnded(3),
    ]
    assert [each for event in sent for each in restore.feed(event)] == [
        ir.PartStarted(3, ir.ToolCall("c", "patch", "", "custom")),
        ir.Delta(3, "a"),
        ir.Delta(3, "\nb"),
        ir.PartEnded(3),
    ]


def test_a_call_that_the_upstream_itself_calls_custom_is_free_text_already() -> None:
    restore = fitted().restore()
    call = ir.ToolCall("c", "patch", "", "custom")
    sent: list[ir.Event] = [ir.PartStarted(0, call), ir.Delta(0, '{"input": 1}')]
    assert [each for event in sent for each in restore.feed(event)] == sent


# The extractor -----------------------------------------------------------------------------------

spaces = st.sampled_from(["", " ", "\n\t", "  "])
members = st.dictionaries(
    texts.filter(lambda key: key != "input"), texts | st.integers() | st.none(), max_size=2
)


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, str]:
    """An object with an input, in any order and any spelling of its characters; and the input."""
    text = draw(texts)
    others = list(draw(members).items())
    at = draw(st.integers(0, len(others)))
    entries = [*others[:at], ("input", text), *others[at:]]
    ascii_only = draw(st.booleans())
    gap = [draw(spaces) for _ in range(4)]
    written = (
        f"{gap[0]}{json.dumps(key, ensure_ascii=ascii_only)}{gap[1]}:{gap[2]}"
        f"{json.dumps(value, ensure_ascii=ascii_only)}{gap[3]}"
        for key, value in entries
    )
    return f"{gap[0]}{{{','.join(written)}}}{gap[1]}", text


@given(objects(), st.data())
def test_the_input_is_found_however_its_object_is_written_and_cut(
    case: tuple[str, str], data: st.DataObject
) -> None:
    written, text = case
    assert unwrapped(*data.draw(pieces(written))) == text
    assert unwrapped(*written) == text


def test_the_text_flows_before_the_object_is_whole() -> None:
    unwrapping = Unwrapping()
    assert unwrapping.feed('{"why": [1, {"input": "no"}], "input": "a') == "a"
    assert unwrapping.feed("b") == "b"


@pytest.mark.parametrize(
    "raw",
    [
        "*** Begin Patch\n",
        "",
        "{}",
        '{"input": 5}',
        '{"input": {"input": "deep"}}',
        '{"other": "x"}',
        '"just a string"',
        "{ const x = 1 }",
        '{"inp',
        "[1]",
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_no_such_object_is_given_as_it_came(raw: str, whole: bool) -> None:
    assert unwrapped(*([raw] if whole else raw)) == raw


def test_raw_text_flows_as_soon_as_it_cannot_be_an_object() -> None:
    assert Unwrapping().feed(" *** Begin") == " *** Begin"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'{"input": "\ud83d\ude00"}', "😀"),
        (r'{"input": "\ud83d"}', "\ufffd"),
        (r'{"input": "\ud83dx"}', "\ufffdx"),
        (r'{"input": "\ude00x"}', "\ufffdx"),
        (r'{"input": "\ud83d\ud83d\ude00"}', "\ufffd😀"),
        (r'{"input": "\d+ \u12"}', r"\d+ \u12"),
        ('{"input": "a\nb"}', "a\nb"),
        (r'{"input": "cut \u00', "cut "),
        ('{"input": "cut', "cut"),
        ('{"input": "x"} and more', "x"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_nearly_json_is_read_as_it_was_meant(written: str, text: str, whole: bool) -> None:
    assert unwrapped(*([written] if whole else written)) == text
