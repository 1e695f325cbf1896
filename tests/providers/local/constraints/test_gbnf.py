"""GBNF: the language that llama.cpp reads in it, text by text, and faults named by their line."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, product
from typing import Any

import pytest

from polystack.providers.local.config import BUILTIN
from polystack.providers.local.constraints.compiling import BadGrammar
from polystack.providers.local.constraints.gbnf import lark

llguidance = pytest.importorskip("llguidance")

# Each with an alphabet whose texts tell right from wrong.
GRAMMARS = {
    "what comes next is also more of the same": ('root ::= [a-b]+ "b"', "ab"),
    "a text and its own beginning": ('root ::= ("a" | "ab") "bc"', "abc"),
    "a text repeated": ('root ::= "ab"* "aab"?', "ab"),
    "counted": ('root ::= "a"{2} "b"{1,2} "c"{0,} "a"{,1}'.replace("{,1}", "?"), "abc"),
    "rules": ("root ::= x-1 | y\nx-1 ::= | [a] x-1\ny ::= x-1 [b]", "ab"),
    "groups over lines": ('root ::= (\n  "a" # one\n  | "b"\n  "a"\n)+\n\n# end', "ab"),
    "operators of other regexes": ("root ::= [&&^-] [^a&-] .", "a&^-"),
    "escapes": (r'root ::= "\x61\u0062" [\]\\\n"\-] "\""?', 'ab]\\\n"-'),
    "a negated class takes a line's end": ('root ::= [^a] ("\\t" | .)', "a\n\t"),
    "nothing at all": ('root ::= "" | "é"', "é"),
}


def reader(definition: str, flat: bool = True) -> Callable[[str], bool]:
    """Tells of a text whether the grammar matches it."""
    tokenizer = llguidance.LLTokenizer("byte")
    grammar = llguidance.LLMatcher.grammar_from_lark(lark(definition, flat=flat))
    compiled = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
    assert not compiled.is_error(), compiled.get_error()

    def matches(text: str) -> bool:
        matcher, data = compiled.deep_copy(), list(text.encode())
        return bool(matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting())

    return matches


def texts(alphabet: str) -> list[str]:
    longest = 4 if len(alphabet) < 4 else 3
    each = (product(alphabet, repeat=length) for length in range(longest + 1))
    return ["".join(letters) for letters in chain.from_iterable(each)]


class LlamaCpp:
    """Its own reader of GBNF, over the vocabulary of the model that ships."""

    def __init__(self) -> None:
        import llama_cpp

        self._c: Any = llama_cpp
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        path = str(BUILTIN["builtin:tiny"]).encode()
        self._model = llama_cpp.llama_model_load_from_file(path, params)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)

    def close(self) -> None:
        self._c.llama_model_free(self._model)

    def matches(self, text: str, definition: str) -> bool:
        sampler = self._c.llama_sampler_init_grammar(self._vocab, definition.encode(), b"root")
        assert sampler
        try:
            return all(self._takes(sampler, token) for token in self._tokens(text))
        finally:
            self._c.llama_sampler_free(sampler)

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = []
        for letter in text:
            room = (self._c.llama_token * 8)()
            data = letter.encode()
            count = self._c.llama_tokenize(self._vocab, data, len(data), room, 8, False, False)
            found += room[:count]
        return [*found, self._c.llama_vocab_eos(self._vocab)]

    def _takes(self, sampler: Any, token: int) -> bool:
        data = (self._c.llama_token_data * 1)(self._c.llama_token_data(token, 0.0, 0.0))
        array = self._c.llama_token_data_array(data, 1, -1, False)
        self._c.llama_sampler_apply(sampler, array)
        if data[0].logit != 0.0:
            return False
        if not self._c.llama_vocab_is_eog(self._vocab, token):
            self._c.llama_sampler_accept(sampler, token)
        return True


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_grammar_matches_the_same_texts_in_one_expression_and_in_rules(name: str) -> None:
    definition, alphabet = GRAMMARS[name]
    one, several = reader(definition), reader(definition, flat=False)
    found = [(one(text), several(text)) for text in texts(alphabet)]
    assert set(found) == {(True, True), (False, False)}


def test_rules_that_lead_back_to_themselves_stay_rules() -> None:
    definition = 'root ::= x\nx ::= "(" x ")" | [a]'
    assert "r1: " in lark(definition)
    matches = reader(definition)
    assert [matches(text) for text in ("a", "((a))", "((a)")] == [True, True, False]
    assert "r1: " not in lark(definition.replace(" x ", " [b] "))


def test_rules_that_would_grow_without_measure_stay_rules() -> None:
    doubled = "\n".join(f"x{n} ::= x{n + 1} x{n + 1}" for n in range(40))
    assert "r1: " in lark(f'root ::= x0\n{doubled}\nx40 ::= "a"')
    chain = "\n".join(f"x{n} ::= x{n + 1}" for n in range(5000))
    assert "r1: " in lark(f'root ::= x0\n{chain}\nx5000 ::= "a"')


@pytest.mark.engine
@pytest.mark.parametrize("name", GRAMMARS)
def test_llama_cpp_matches_the_same_texts(name: str) -> None:
    definition, alphabet = GRAMMARS[name]
    matches, other = reader(definition), LlamaCpp()
    try:
        for text in texts(alphabet):
            assert matches(text) == other.matches(text, definition), text
    finally:
        other.close()


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ("", "there is no rule 'root'"),
        ("root ::= x\nx ::= y", "line 2: there is no rule 'y'"),
        ('root = "a"', "line 1: '= \"a\"' is nothing that GBNF has"),
        ('root ::= "a', "line 1: '\"a' is nothing that GBNF has"),
        (r'root ::= "\q"', r"line 1: unknown escape '\\\\q'"),
        ("root ::= <think>", "line 1: '<think>' is nothing that GBNF has"),
        ('root ::=\n  ("a"', r"expected '\)', not the end of the grammar"),
        ('\nroot ::= "a" )', r"line 2: expected the end of the line, not '\)'"),
        ("root ::= " + "(" * 5000, "nested more than 100 deep"),
        ('root ::= "a"{9999}', "repeats more than 2000 times"),
        ("root ::= *", r"line 1: expected a name, .*, not '\*'"),
        ("root ::= []", r"the class \[\] has no characters"),
        ("root ::= [z-a]", "ends early"),
        (r'root ::= "\ud800"', "is no character"),
    ],
)
def test_a_fault_is_named_with_its_line(definition: str, why: str) -> None:
    with pytest.raises(BadGrammar, match=why):
        lark(definition)
