"""What is enforced of a request: thoughts are free, calls are the offered tools', JSON is JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.local.constraints.compiling import Compiler
from polystack.providers.local.constraints.constraint import Constraint
from polystack.providers.local.constraints.enforcing import Enforcer
from polystack.providers.local.constraints.lexicon import Lexicon
from polystack.providers.local.constraints.planning import Planned, planned
from polystack.providers.local.constraints.thoughts import Thoughts

from .words import COMPILER, VOCABULARY, Words, follow, next_words

pytest.importorskip("llguidance")

WEATHER = ir.Tool(
    "weather", None, {"properties": {"city": {"type": "string"}}, "required": ["city"]}
)
LINES = ir.Tool(
    "lines",
    kind="custom",
    grammar=ir.ToolGrammar("lark", 'start: ("+" /[^\\n]*/ LF)+\n%import common.LF', at="tools.1"),
)
TOOLS = {"weather": WEATHER, "lines": LINES}
JSON = ir.OutputFormat("json")
NONE = Thoughts()
REQUIRED = ir.ToolChoice("required")
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
LINE_CALL = '<tool_call>\n{"name": "lines", "arguments": {"input": "+a\\n+\\"\\n"}}\n</tool_call>'


def plan(
    tools: dict[str, ir.Tool] | None = None, thoughts: Thoughts = NONE, **fields: Any
) -> Planned:
    return planned(ir.Request("m", (), **fields), tools or {}, COMPILER, thoughts)


def after(plan: Planned, text: str) -> set[str]:
    assert plan.stage is not None
    words = next_words(follow(plan.stage, text))
    return set("*") if words is None else words


def test_a_request_that_asks_for_nothing_is_free() -> None:
    assert plan().stage is None


# Tools -------------------------------------------------------------------------------------------


def test_an_answer_is_free_until_a_call_begins_and_after_it_ends() -> None:
    lazy = plan(TOOLS)
    assert after(lazy, "hello") == {"*"}
    assert after(lazy, "hello<tool_call>") == {"\n"}
    assert after(lazy, CALL) == {"*"}
    assert after(lazy, f"{CALL}\n<tool_call>") == {"\n"}


def test_only_the_offered_names_and_arguments_can_be_called() -> None:
    lazy = plan(TOOLS)
    assert after(lazy, '<tool_call>\n{"name": "') == {"w", "l"}
    assert after(lazy, '<tool_call>\n{"name": "weather", "arguments": {"') == {"c"}


def test_a_required_call_comes_first_and_the_rest_is_free() -> None:
    forced = plan(TOOLS, tool_choice=REQUIRED)
    assert after(forced, "") == {"<tool_call>"}
    assert after(forced, CALL) == {"*"}


def test_a_custom_tools_grammar_is_met_inside_its_envelope() -> None:
    lazy = plan(TOOLS)
    head = '<tool_call>\n{"name": "lines", "arguments": {"input": "'
    assert after(lazy, head) == {"+", "+a"}
    assert after(lazy, head + "+x\\n") == {"+", "+a", '"', '"}'}
    assert after(lazy, LINE_CALL) == {"*"}


def test_a_custom_tool_without_a_grammar_takes_any_string() -> None:
    lazy = plan({"note": ir.Tool("note", kind="custom")})
    call = '<tool_call>\n{"name": "note", "arguments": {"input": "hello"}}\n</tool_call>'
    assert after(lazy, call) == {"*"}


def test_a_regular_expression_is_a_grammar_too() -> None:
    tool = ir.Tool("pin", kind="custom", grammar=ir.ToolGrammar("regex", r"\d{2}/[a-c]"))
    lazy = plan({"pin": tool})
    head = '<tool_call>\n{"name": "pin", "arguments": {"input": "'
    assert after(lazy, head + "12/") == {"a", "b", "c", "ab", "abc"} - {"ab", "abc"}
    assert after(lazy, head + "12/a") == {'"', '"}'}


def test_marks_that_are_no_tokens_are_met_as_text() -> None:
    plain = Words(marks=())
    compiler = Compiler(Lexicon(plain))
    found = planned(ir.Request("m", ()), TOOLS, compiler, Thoughts())
    assert found.stage is not None
    constraint = Constraint(compiler.lexicon, found.stage)
    for token in plain.tokenize(CALL):
        allowed = constraint.allowed()
        assert allowed is None or allowed[token]
        constraint.accept(token)
    assert constraint.allowed() is None


# Answers -----------------------------------------------------------------------------------------


def test_json_is_an_object_and_nothing_else() -> None:
    found = plan(output=JSON)
    assert after(found, "") == {"{", '{"'}
    constraint = follow(found.stage, '{"a": [1, null]}')  # type: ignore[arg-type]
    assert constraint.done


def test_where_tools_are_offered_a_call_may_come_in_place_of_the_json_or_behind_it() -> None:
    found = plan(TOOLS, output=JSON)
    assert {"<tool_call>", "{"} <= after(found, "")
    assert after(found, CALL) == {"<end>", "<tool_call>", "\n", "\n\n", " "}
    assert after(found, LINE_CALL) == {"<end>", "<tool_call>", "\n", "\n\n", " "}
    assert "<end>" in after(found, '{"a":1}')
    assert "{" not in after(plan(TOOLS, output=JSON, tool_choice=REQUIRED), "")


# Thoughts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"output": JSON}, {"tool_choice": REQUIRED}])
def test_what_is_enforced_begins_behind_the_thoughts(fields: dict[str, Any]) -> None:
    opened = plan(TOOLS, Thoughts(open=True), **fields)
    assert "hello" in after(opened, "{<tool_call>")
    assert "<end>" not in after(opened, "")
    assert "<tool_call>" in after(opened, "hello</think>\n\n")
    possible = plan(TOOLS, Thoughts(possible=True), **fields)
    assert {"<think>", "<tool_call>"} <= after(possible, "")
    assert "<think>" not in after(possible, "<think>hello</think>\n\n")
    assert "<think>" not in after(plan(TOOLS, **fields), "")


def test_a_call_that_is_only_thought_of_is_none() -> None:
    lazy = plan(TOOLS, Thoughts(possible=True))
    assert after(lazy, "<think>I could <tool_call>") == {"*"}
    assert after(lazy, "<think>so</think><tool_call>") == {"\n"}
    assert after(plan(TOOLS, Thoughts(open=True)), "<tool_call>x</think>\n<tool_call>") == {"\n"}


# What cannot be enforced -------------------------------------------------------------------------


def test_a_schema_that_cannot_be_enforced_is_refused_by_field_and_keyword() -> None:
    output = ir.OutputFormat("schema", {"not": {}}, at="text.format")
    with pytest.raises(InvalidRequest, match=r'text.format.*\["not"\].*leave that out') as caught:
        plan(output=output)
    assert caught.value.param == "text.format"


def test_a_schema_that_need_not_be_kept_to_strictly_is_kept_to_in_part() -> None:
    output = ir.OutputFormat("schema", {"not": {}, "type": "array"}, strict=False, at="format")
    found = plan(output=output)
    assert [(loss.path, loss.verdict) for loss in found.losses] == [("format", "approximated")]
    assert after(found, "") == {"["}


def test_a_strict_tools_schema_is_refused_and_any_others_is_relaxed() -> None:
    schema: dict[str, Any] = {"properties": {"x": {"not": {}}}}
    with pytest.raises(InvalidRequest, match=r"'t'.*not.*leave out `strict`") as caught:
        plan({"t": ir.Tool("t", None, schema, strict=True, at="tools.3")})
    assert caught.value.param == "tools.3"
    found = plan({"t": ir.Tool("t", None, schema, at="tools.3")})
    assert [(loss.path, loss.verdict) for loss in found.losses] == [("tools.3", "approximated")]


@pytest.mark.parametrize(
    ("syntax", "definition", "why"),
    [
        ("lark", "start: foo", 'unknown name: "foo"'),
        ("lark", "", "no start rule found"),
        ("lark", "start: /(?<=a)b/", "look-around"),
        ("lark", "x" * 70_000, "65536 is the limit"),
        ("regex", "(", "unclosed"),
        ("regex", r"(a)\1", "backreferences"),
        ("ebnf", "a = b", "none of lark, regex and gbnf"),
    ],
)
def test_a_tools_grammar_that_cannot_be_enforced_is_refused(
    syntax: str, definition: str, why: str
) -> None:
    tool = ir.Tool("t", kind="custom", grammar=ir.ToolGrammar(syntax, definition, at="tools.0.x"))
    with pytest.raises(InvalidRequest, match=why) as caught:
        plan({"t": tool})
    assert caught.value.param == "tools.0.x"


def test_tools_that_are_too_much_together_are_refused() -> None:
    choices: list[ir.JSON] = [f"{number:05}" * 20 for number in range(4000)]
    big = ir.Tool("big", None, {"properties": {"x": {"enum": choices}}})
    with pytest.raises(InvalidRequest, match="together the tools' schemas"):
        plan({f"big{number}": big for number in range(6)})


# An answer that the client has begun -------------------------------------------------------------


def test_the_beginning_of_an_answer_must_be_of_its_format() -> None:
    enforcer = Enforcer(VOCABULARY)
    turns = (ir.Turn("assistant", (ir.Text("x"),), at="messages.3"),)
    request = ir.Request("m", turns, output=JSON)
    found, _ = enforcer.enforced(request, {}, Thoughts(), '{"a":')
    assert found is not None
    words = next_words(found.constraint())
    assert words is not None
    assert "1" in words
    assert "}" not in words
    with pytest.raises(InvalidRequest, match=r"messages\.3: the beginning") as caught:
        enforcer.enforced(request, {}, Thoughts(), "Sure! {")
    assert caught.value.param == "messages.3"


def test_every_generation_of_a_request_has_its_own_place() -> None:
    found, _ = Enforcer(VOCABULARY).enforced(ir.Request("m", (), output=JSON), {}, Thoughts())
    assert found is not None
    first, second = found.constraint(), found.constraint()
    for token in VOCABULARY.tokenize(json.dumps({"a": 1})):
        first.accept(token)
    assert first.done
    assert not second.done
