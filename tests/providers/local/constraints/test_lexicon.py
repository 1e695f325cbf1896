"""A vocabulary as grammars see it, and as it reads inside a JSON string."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.providers.local.constraints.lexicon import Lexicon, unquoted

from .words import COMPILER, VOCABULARY, Words

pytest.importorskip("llguidance")


def test_marks_and_the_end_are_no_text() -> None:
    lexicon = COMPILER.lexicon
    call = VOCABULARY.marks["<tool_call>"]
    assert lexicon.word(call) == b""
    assert lexicon.text(call) == b"<tool_call>"
    assert lexicon.text(VOCABULARY.end) == lexicon.word(VOCABULARY.end) == b""
    assert lexicon.ends == [VOCABULARY.end]


def test_a_text_that_spells_a_mark_is_letters_to_a_grammar() -> None:
    tokenizer = COMPILER.lexicon.tokenizer
    assert VOCABULARY.tokenize("<tool_call>") == [VOCABULARY.marks["<tool_call>"]]
    tokens = tokenizer.tokenize_str("a<tool_call>")
    assert VOCABULARY.marks["<tool_call>"] not in tokens
    assert b"".join(VOCABULARY.piece(token) for token in tokens) == b"a<tool_call>"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")))
def test_what_is_quoted_says_the_same_unquoted(text: str) -> None:
    inside = json.dumps(text, ensure_ascii=False)[1:-1]
    short = all(char >= " " or char in "\b\f\n\r\t" for char in text)
    assert unquoted(inside.encode()) == (text.encode() if short else b"")


@pytest.mark.parametrize("word", [b'"', b'a"', b"\\", b"a\\", b"\n", b"\\x", b"\\u00e9", b'\\\\"'])
def test_what_would_end_break_or_halve_a_string_says_nothing(word: bytes) -> None:
    assert unquoted(word) == b""


def test_a_vocabulary_without_an_end_gets_one_that_no_model_can_say() -> None:
    class Endless(Words):
        def ends(self, token: int) -> bool:
            return False

    lexicon = Lexicon(Endless())
    assert lexicon.ends == []
    assert lexicon.tokenizer.vocab_size == lexicon.size + 1
