"""Whole answers in a language that the client writes: a regular expression, Lark or GBNF."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
from engines import answer, ask, running
from lark import Lark

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.local.accounting import losses
from polystack.providers.local.constraints.thoughts import Thoughts
from polystack.providers.local.provider import Local

from .test_planning import CALL, TOOLS, after, plan
from .words import follow

pytest.importorskip("llguidance")

LARK = 'start: item ("," item)*\nitem: WORD | "(" start ")"\nWORD: /[a-z]{1,6}/'
GBNF = 'root ::= item ("," item)*\nitem ::= [a-z]{1,6} | "(" root ")"'
PATTERN = r"[A-Z][a-z]{2,8} (is|was) \d{1,3}(\.\d)?|no(ne)?"
LANGUAGES = {"lark": LARK, "gbnf": GBNF, "regex": r"[a-z]+(,[a-z]+)*"}


def output(syntax: str, definition: str) -> ir.OutputFormat:
    grammar = ir.ToolGrammar(syntax, definition, at="text.format")
    return ir.OutputFormat("grammar", grammar=grammar, at="text")


# What is asked for -------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", LANGUAGES)
def test_the_whole_answer_is_of_the_language(syntax: str) -> None:
    found = plan(output=output(syntax, LANGUAGES[syntax]))
    assert found.losses == []
    assert not {"A", "<end>", "<tool_call>"} & after(found, "")
    assert {",", "<end>"} <= after(found, "ab")
    assert not {",", "<end>"} & after(found, "ab,")


def test_an_answer_that_can_be_nothing_else_is_complete() -> None:
    found = plan(output=output("regex", "yes|no"))
    assert found.stage is not None
    assert follow(found.stage, "no").done


@pytest.mark.parametrize("syntax", LANGUAGES)
def test_thoughts_come_before_it_and_a_call_in_its_place(syntax: str) -> None:
    found = plan(TOOLS, Thoughts(possible=True), output=output(syntax, LANGUAGES[syntax]))
    assert {"<think>", "<tool_call>", "a"} <= after(found, "")
    assert {"a", "hello"} <= after(found, "<think>WELL</think>\n\n")
    assert "A" not in after(found, "<think>WELL</think>\n\n")
    assert "<end>" in after(found, CALL)


@pytest.mark.parametrize(
    ("syntax", "definition", "why"),
    [
        ("regex", "(", "regular expression cannot be enforced: invalid regex .*unclosed group"),
        ("regex", r"a(?=b)", "look-around"),
        ("regex", "x" * 70_000, "65536 is the limit"),
        ("lark", 'start: foo\nbar: "x"', 'lark grammar .*line 1, column 8: unknown name: "foo"'),
        ("lark", "start: start", "no text that it matches"),
        ("lark", 'start: "a"\n}\nanswer: "b"', "line 2, column 1: expecting"),
        ("gbnf", 'root ::= "a\n', "gbnf grammar .*line 1"),
        ("ebnf", "a = b", "none of lark, regex and gbnf"),
    ],
)
def test_what_cannot_be_compiled_is_refused_with_the_compilers_words(
    syntax: str, definition: str, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        plan(output=output(syntax, definition))
    assert caught.value.param == "text.format"
    assert caught.value.message.startswith("text.format: the ")


def test_an_engine_without_grammars_drops_it() -> None:
    asked = ask("hi", output=output("regex", "a"))
    assert [(loss.path, loss.verdict) for loss in losses(asked)] == [("text", "dropped")]
    assert list(losses(asked, enforced=True)) == []


# At any temperature ------------------------------------------------------------------------------


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[Local]]:
    return partial(running, request.param)


def hot(seed: int) -> ir.Sampling:
    return ir.Sampling(temperature=1.5, top_p=1.0, top_k=0, min_p=0.0, seed=seed, max_tokens=120)


@pytest.mark.engine
async def test_at_any_temperature_every_answer_matches(
    engine: Callable[..., AbstractAsyncContextManager[Local]],
) -> None:
    parser = Lark(LARK)
    checks: dict[str, tuple[str, Callable[[str], Any]]] = {
        "regex": (PATTERN, partial(re.fullmatch, PATTERN)),
        "lark": (LARK, parser.parse),
        "gbnf": (GBNF, parser.parse),
    }
    async with engine(slots=8, max_queue=100) as provider:
        for syntax, (definition, check) in checks.items():
            asked = [
                ask("Who are you?", output=output(syntax, definition), sampling=hot(seed))
                for seed in range(12)
            ]
            answers = await asyncio.gather(*(answer(provider, each) for each in asked))
            whole = {ir.text_of(a.parts) for a in answers if a.stop.reason == "end"}
            assert len(whole) > 1, syntax
            for text in whole:
                assert check(text), f"{text!r} is not of this {syntax}"
