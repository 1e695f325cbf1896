"""Two libraries behind one face: a schema compiled, a mask applied to logits, a token taken."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path
from typing import Any, Protocol

import numpy

from polystack.providers.llamacpp.native import Model, Vocabulary, library
from polystack.providers.local.constraints.compiling import BadGrammar, Compiler
from polystack.providers.local.constraints.constraint import Bound, Constraint, Unmet
from polystack.providers.local.constraints.lexicon import Lexicon
from polystack.providers.local.constraints.schemas import Schema, rule


class Refused(Exception):
    """The library says that it cannot do this schema."""


class Match(Protocol):
    """A document in the making."""

    def mask(self, logits: Any) -> None: ...
    def accept(self, token: int) -> bool: ...
    def complete(self) -> bool: ...


class Library(Protocol):
    name: str

    def compile(self, schema: Schema) -> Any: ...
    def start(self, compiled: Any) -> Match: ...


def vocabulary(path: Path) -> Vocabulary:
    """Of a model or of a file that holds nothing else."""
    lib = library()
    model = Model.__new__(Model)
    params = lib.llama_model_default_params()
    params.vocab_only = True
    model.lib, model.handle = lib, lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model.handle:
        raise SystemExit(f"{path}: llama.cpp cannot read this file")
    return Vocabulary(model)


class _GuidanceMatch:
    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint

    def mask(self, logits: Any) -> None:
        allowed = self._constraint.allowed()
        if allowed is not None:
            logits[~allowed] = -numpy.inf

    def accept(self, token: int) -> bool:
        try:
            self._constraint.accept(token)
        except Unmet:
            return False
        return True

    def complete(self) -> bool:
        return self._constraint.done or bool(self._constraint._matcher.is_accepting())


class Guidance:
    """As the project uses it."""

    name = "llguidance"

    def __init__(self, words: Vocabulary) -> None:
        self._lexicon = Lexicon(words)
        assert self._lexicon.tokenizer is not None

    def compile(self, schema: Schema) -> Any:
        try:
            return Compiler(self._lexicon).compiled(f"start: {rule(schema)}")[0]
        except BadGrammar as bad:
            raise Refused(str(bad)) from None

    def start(self, compiled: Any) -> Match:
        return _GuidanceMatch(Constraint(self._lexicon, Bound(compiled)))


class _GbnfMatch:
    def __init__(self, lib: Any, words: Vocabulary, compiled: Any) -> None:
        self._lib = lib
        self._sampler = lib.llama_sampler_clone(compiled)
        self._all = (lib.llama_token_data * words.size)()
        self._view = numpy.ctypeslib.as_array(self._all)
        self._view["id"] = numpy.arange(words.size)
        self._one = (lib.llama_token_data * 1)()
        self._end = lib.llama_vocab_eos(words._vocab)

    def _apply(self, tokens: Any, size: int) -> None:
        array = self._lib.llama_token_data_array(tokens, size, -1, False)
        self._lib.llama_sampler_apply(self._sampler, ctypes.byref(array))

    def mask(self, logits: Any) -> None:
        self._view["logit"] = logits
        self._apply(self._all, len(logits))

    def accept(self, token: int) -> bool:
        if not self._allows(token):  # a token that is not allowed would end the process
            return False
        self._lib.llama_sampler_accept(self._sampler, token)
        return True

    def complete(self) -> bool:
        return self._allows(self._end)

    def _allows(self, token: int) -> bool:
        self._one[0].id, self._one[0].logit = token, 0.0
        self._apply(self._one, 1)
        return bool(self._one[0].logit > -numpy.inf)

    def __del__(self) -> None:
        self._lib.llama_sampler_free(self._sampler)


class Gbnf:
    """llama.cpp's grammars, with the schema converter of its Python bindings."""

    name = "GBNF"

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._lib = library()

    def compile(self, schema: Schema) -> Any:
        from llama_cpp.llama_grammar import json_schema_to_gbnf

        try:
            text = json_schema_to_gbnf(json.dumps(schema))
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}"[:200]) from None
        found = self._lib.llama_sampler_init_grammar(self._words._vocab, text.encode(), b"root")
        if not found:
            raise Refused("its own grammar does not parse")
        return found

    def start(self, compiled: Any) -> Match:
        return _GbnfMatch(self._lib, self._words, compiled)
