"""gpt-oss's answers are messages, and of those only what a request asks for can be written."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polystack.core import ir
from polystack.providers.local.constraints.compiling import Compiler
from polystack.providers.local.constraints.constraint import Constraint
from polystack.providers.local.constraints.enforcing import Enforcer
from polystack.providers.local.constraints.lexicon import Lexicon
from polystack.providers.local.constraints.planning import planned
from polystack.providers.local.constraints.thoughts import Thoughts
from polystack.providers.local.formats.harmony import CALL, MARKS, RETURN

from .test_forms import JSON_ROME, SCHEMA, TOOLS, accepted, drawn, read
from .words import Words

pytest.importorskip("llguidance")


class Harmonic(Words):
    """Engines know that these two end a turn, and give them no text."""

    def ends(self, token: int) -> bool:
        return super().ends(token) or token in (self.marks[CALL], self.marks[RETURN])


WORDS = Harmonic(MARKS)
LEXICON = Lexicon(WORDS)
COMPILER = Compiler(LEXICON)
THINKS = Thoughts(possible=True)
THOUGHT = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>"
PREAMBLE = "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant"
BEFORE = " to=functions.weather<|channel|>commentary <|constrain|>json<|message|>"
BEHIND = "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"
REQUIRED = ir.ToolChoice("required")
ANSWER = ir.OutputFormat("schema", SCHEMA)


def begun(
    tools: bool = True, thoughts: Thoughts = THINKS, started: bool = False, **fields: Any
) -> Constraint:
    request, offered = ir.Request("m", (), **fields), TOOLS if tools else {}
    found = planned(request, offered, COMPILER, thoughts, "harmony", started)
    assert found.losses == []
    assert found.stage is not None
    return Constraint(LEXICON, found.stage)


def allows(constraint: Constraint, text: str) -> bool:
    for token in WORDS.tokenize(text):
        allowed = None if constraint.done else constraint.allowed()
        if constraint.done or (allowed is not None and not allowed[token]):
            return False
        constraint.accept(token)
    return True


@pytest.mark.parametrize("before", ["", THOUGHT, PREAMBLE, THOUGHT + PREAMBLE])
@pytest.mark.parametrize("head", [BEFORE, BEHIND])
def test_a_call_is_held_to_the_offered_tools_wherever_its_recipient_stands(
    before: str, head: str
) -> None:
    assert allows(begun(), before + head + '{"city": "Rome", "days":')
    assert not allows(begun(), before + head + '{"city": "Oslo"')
    assert not allows(begun(), before + head.replace("weather", "unknown"))
    assert not allows(begun(), before + head.replace("functions", "browser"))


def test_an_answer_ends_behind_its_call() -> None:
    assert accepted(begun(), WORDS, BEHIND + JSON_ROME).done


def test_a_vocabulary_whose_calls_do_not_end_the_turn_writes_their_end() -> None:
    plain = Words(MARKS)
    compiler = Compiler(Lexicon(plain))
    stage = planned(ir.Request("m", ()), TOOLS, compiler, THINKS, "harmony").stage
    assert stage is not None
    constraint = accepted(Constraint(compiler.lexicon, stage), plain, BEHIND + JSON_ROME)
    assert not constraint.done
    assert accepted(constraint, plain, CALL).done


def test_without_tools_nothing_can_be_called() -> None:
    found, _ = Enforcer(WORDS, "harmony").enforced(ir.Request("m", ()), {}, THINKS)
    assert found is not None
    for head in (BEFORE, BEHIND):
        assert not allows(found.constraint(), head)
        assert not allows(found.constraint(), THOUGHT + head)
    assert allows(found.constraint(), THOUGHT + FINAL + "Any text {")


@pytest.mark.parametrize("thoughts", [Thoughts(), THINKS])
def test_a_call_that_must_be_made_is_all_that_may_come_behind_a_thought(thoughts: Thoughts) -> None:
    def first(text: str) -> bool:
        return allows(begun(thoughts=thoughts, tool_choice=REQUIRED), text)

    assert first(BEHIND)
    assert not first(FINAL)
    assert not first(PREAMBLE)
    assert first(THOUGHT) == thoughts.possible
    assert first(THOUGHT + BEHIND) == thoughts.possible
    assert not first(THOUGHT + FINAL)
    assert not first(THOUGHT + THOUGHT)


@pytest.mark.parametrize("tools", [False, True])
def test_an_answer_that_has_a_format_is_the_final_message(tools: bool) -> None:
    for before in ("", THOUGHT):
        assert accepted(begun(tools, output=ANSWER), WORDS, before + FINAL + JSON_ROME).done
        assert not allows(begun(tools, output=ANSWER), before + FINAL + "Rome")
        assert not allows(begun(tools, output=ANSWER), before + PREAMBLE)
        assert allows(begun(tools, output=ANSWER), before + BEHIND + "{") == tools


def test_a_grammar_holds_the_final_message_too() -> None:
    output = ir.OutputFormat("grammar", grammar=ir.ToolGrammar("regex", "[a-c]{2}[0-9]?"))
    held = accepted(begun(output=output), WORDS, THOUGHT + FINAL + "ab")
    allowed = held.allowed()
    assert allowed is not None
    assert {chr(t) for t in range(256) if allowed[t]} == set("0123456789")
    assert allowed[WORDS.marks[RETURN]]


def test_thoughts_that_must_lead_to_something_do_not_end_the_answer() -> None:
    for fields in ({"output": ANSWER}, {"tool_choice": REQUIRED}):
        allowed = accepted(begun(**fields), WORDS, "<|channel|>analysis<|message|>Hm").allowed()
        assert allowed is not None
        assert not allowed[WORDS.marks[RETURN]]


def test_a_prompt_that_ends_inside_of_a_thought_goes_on_with_it() -> None:
    opened = Thoughts(open=True)
    behind = THOUGHT.removeprefix("<|channel|>analysis<|message|>")
    assert begun(thoughts=opened).allowed() is None
    assert allows(begun(thoughts=opened), behind + BEHIND + "{")
    assert not allows(begun(thoughts=opened, tool_choice=REQUIRED), behind + FINAL)


def test_an_answer_that_the_client_has_begun_goes_on_as_text() -> None:
    assert begun(started=True).allowed() is None
    assert accepted(begun(started=True), WORDS, " and so on.<|end|>").done
    held = begun(started=True, output=ANSWER)
    assert held.begin('{"city": "Rome",')
    assert not allows(held, '"x"')


def test_whatever_is_written_where_calls_may_be_made_is_read_back() -> None:
    called = set()
    for seed in range(12):
        before = THOUGHT + PREAMBLE if seed % 2 else ""
        constraint = accepted(begun(), WORDS, before)
        rng = random.Random(seed)
        accepted(constraint, WORDS, head := rng.choice([BEFORE, BEHIND, " to=functions."]))
        text = before + head + drawn(constraint, WORDS, rng)
        *others, call = read("harmony", text)
        assert [type(part) for part in others] == ([ir.Reasoning, ir.Text] if before else [])
        assert isinstance(call, ir.ToolCall), text
        called.add(call.name)
        if call.name == "weather":
            Draft202012Validator(SCHEMA).validate(json.loads(call.arguments))
        if call.name == "pin":
            assert len(call.arguments) == 3
    assert called == {"weather", "time", "pin"}
