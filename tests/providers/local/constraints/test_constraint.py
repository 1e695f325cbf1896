"""A generation under constraint: its stages, token by token."""

from __future__ import annotations

import random

import pytest

from polystack.providers.local.constraints.calls import UNFORCED
from polystack.providers.local.constraints.constraint import Bound, Constraint, Free, Unmet

from .words import COMPILER, VOCABULARY, follow, next_words

pytest.importorskip("llguidance")


def bound(text: str, **fields: object) -> Bound:
    quoted = bool(fields.get("quoted"))
    matcher, _ = COMPILER.compiled(text + (UNFORCED if quoted else ""), quoted=quoted)
    return Bound(matcher, **fields)  # type: ignore[arg-type]


def piece(word: str) -> int:
    (token,) = VOCABULARY.tokenize(word)
    return token


def test_only_what_the_grammar_goes_on_with_is_allowed() -> None:
    stage = bound('start: "ab" ("c" | "d")')
    assert next_words(follow(stage, "")) == {"a", "ab", "abc"}
    assert next_words(follow(stage, "ab")) == {"c", "d"}


def test_an_answer_that_is_complete_is_done() -> None:
    constraint = follow(bound('start: "abc"'), "abc")
    assert constraint.done
    with pytest.raises(Unmet, match="complete"):
        constraint.accept(piece("a"))


def test_an_answer_that_could_go_on_may_end() -> None:
    constraint = follow(bound("start: /[0-9]+/"), "1")
    words = next_words(constraint)
    assert words is not None
    assert {"<end>", "2"} <= words
    assert not constraint.done
    constraint.accept(VOCABULARY.end)
    assert constraint.done


def test_a_free_answer_costs_nothing_and_may_say_anything() -> None:
    constraint = follow(Free(), "hello")
    assert constraint.allowed() is None
    constraint.accept(VOCABULARY.end)
    assert not constraint.done


def test_thoughts_that_lead_to_something_may_not_end_the_answer() -> None:
    stage = Free({b"</think>": bound('start: "ab"')}, may_end=False)
    words = next_words(follow(stage, "hello"))
    assert words is not None
    assert "<end>" not in words
    assert "hello" in words
    assert next_words(follow(stage, "hello</think>")) == {"ab"}


def test_a_mark_may_be_spelled_by_several_tokens_and_share_one_with_what_follows() -> None:
    stage = Free({b"hel": bound('start: "lo" "ab"'), b"[": bound('start: "x"')})
    assert next_words(follow(stage, "hello")) == {"ab"}
    assert next_words(follow(stage, "he")) is None
    assert next_words(follow(stage, "a[")) == {"x"}


def test_what_follows_a_mark_in_its_token_and_fits_no_grammar_leaves_the_answer_free() -> None:
    stage = Free({b"hel": bound('start: "p"')})
    assert next_words(follow(stage, "hello")) is None


def test_a_leading_mark_counts_before_any_text_only() -> None:
    call = bound('start: "ab"')
    stage = Free({b"!": call}, leading={b"<think>": Free({b"</think>": call})})
    assert next_words(follow(stage, "\n<think>!")) is None
    assert next_words(follow(stage, "\n<think>!</think>")) == {"ab"}
    assert next_words(follow(stage, "x<think>!")) == {"ab"}


def test_a_token_beside_the_grammar_takes_its_place_at_the_start_only() -> None:
    stage = bound('start: "a" ("b" | "x")', beside={VOCABULARY.marks["<think>"]: Free()})
    assert next_words(follow(stage, "")) == {"<think>", "a", "ab"}
    assert next_words(follow(stage, "a")) == {"b", "x"}
    assert next_words(follow(stage, "<think>")) is None


def test_what_a_text_ends_with_decides_what_comes_next() -> None:
    stage = bound(
        'start: "a(" | "b(" /[0-9]/ ")"',
        then=bound('start: "z"'),
        heads={rb"a\(": bound('start: "y"')},
    )
    assert next_words(follow(stage, "a(")) == {"y"}
    assert next_words(follow(stage, "b(1)")) == {"z"}


def test_what_is_forced_is_known_before_it_is_asked_for() -> None:
    constraint = follow(bound('start: ("hello" | "x") ": \\"" /[0-9]/'), "he")
    forced = constraint.forced()
    assert b"".join(VOCABULARY.piece(token) for token in forced) == b'llo: "'
    for token in forced:
        constraint.accept(token)
    assert constraint.forced() == []


def test_a_beginning_that_stands_already_is_matched_first() -> None:
    constraint = Constraint(COMPILER.lexicon, bound('start: "abc" "d"'))
    assert constraint.begin("abc")
    assert next_words(constraint) == {"d"}
    assert not Constraint(COMPILER.lexicon, bound('start: "abc"')).begin("b")


def test_what_is_not_allowed_is_told() -> None:
    constraint = follow(bound('start: "a" ("b" | "c")'), "a")
    with pytest.raises(Unmet):
        constraint.accept(VOCABULARY.end)
    with pytest.raises(Unmet):
        constraint.accept(piece("x"))
    with pytest.raises(Unmet):
        constraint.allowed()


# Inside a JSON string ----------------------------------------------------------------------------

PATCH = 'start: "ab" LF "\\"" /[+]a./ LF?\n%import common.LF'


def test_a_grammar_of_a_text_is_met_by_the_text_with_its_escapes() -> None:
    stage = bound(PATCH, quoted=True, then=bound('start: "}"'))
    assert next_words(follow(stage, "ab")) == {"\\n", "\\"}
    assert next_words(follow(stage, "ab\\n")) == {'\\"', "\\"}
    constraint = follow(stage, 'ab\\n\\"+a')
    for byte in '\\\\"':  # a backslash, and the end
        allowed = constraint.allowed()
        assert allowed is not None
        assert allowed[ord(byte)]
        constraint.accept(ord(byte))
    assert next_words(constraint) == {"}"}


def test_an_escape_may_be_split_between_two_tokens() -> None:
    stage = bound('start: "x" LF "*"\n%import common.LF', quoted=True)
    constraint = follow(stage, "x")
    constraint.accept(piece("\\"))
    assert next_words(constraint) == {"n", "n*"}
    constraint.accept(piece("n*"))
    assert next_words(constraint) == {'"'}


def test_the_string_may_not_end_before_its_text_does() -> None:
    stage = bound(PATCH, quoted=True)
    words = next_words(follow(stage, "a"))
    assert words == {"b"}
    constraint = follow(stage, "ab")
    with pytest.raises(Unmet):
        constraint.accept(piece('"'))
    with pytest.raises(Unmet):
        follow(stage, "ab").accept(VOCABULARY.end)


@pytest.mark.parametrize("seed", range(20))
def test_any_walk_through_a_quoted_grammar_is_a_json_string_of_its_text(seed: int) -> None:
    import json
    import re

    rng = random.Random(seed)
    stage = bound('start: (/[a-z"\\\\ ]{1,3}/ LF)+ "é"\n%import common.LF', quoted=True)
    constraint, said = Constraint(COMPILER.lexicon, stage), bytearray()
    while not constraint.done and len(said) < 400:
        allowed = constraint.allowed()
        assert allowed is not None
        token = rng.choice([t for t in range(VOCABULARY.size) if allowed[t]])
        constraint.accept(token)
        said += VOCABULARY.piece(token)
    if constraint.done:
        assert re.fullmatch(r'([a-z"\\ ]{1,3}\n)+é', json.loads(b'"' + bytes(said)))
