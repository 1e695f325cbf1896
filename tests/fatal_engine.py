"""A llama.cpp engine that is asked for what kills a process: the fatal rows of its bad inputs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from polystack.core import ir
from polystack.core.contract.provider import TokenCount
from polystack.providers.llamacpp import LlamaCpp
from polystack.providers.llamacpp.native import library
from polystack.providers.local.config import BUILTIN


class Fatal(LlamaCpp):
    """Counting the tokens of a row's name does what the row says."""

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        words = ir.text_of(request.turns[-1].parts)
        if words in ROWS:
            ROWS[words](Bare(library()))
        return await super().count_tokens(request)


class Bare:
    """The library without the checks that this project puts before it."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        path = str(BUILTIN["builtin:tiny"]).encode()
        self.model = lib.llama_model_load_from_file(path, lib.llama_model_default_params())
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_threads = 512, 64, 64, 1
        self.context = lib.llama_init_from_model(self.model, params)
        self.vocabulary = lib.llama_model_get_vocab(self.model)

    def decode(self, size: int) -> None:
        batch = self.lib.llama_batch_init(size, 0, 1)
        for index in range(size):
            batch.token[index], batch.pos[index] = 300, index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = index == size - 1
        batch.n_tokens = size
        self.lib.llama_decode(self.context, batch)

    def sample(self, samplers: Sequence[Any], row: int = -1) -> None:
        lib = self.lib
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for sampler in samplers:
            lib.llama_sampler_chain_add(chain, sampler)
        self.decode(2)
        lib.llama_sampler_sample(chain, self.context, row)

    def grammar(self, text: bytes) -> Any:
        return self.lib.llama_sampler_init_grammar(self.vocabulary, text, b"root")

    def bad_pattern(self) -> None:
        patterns = (ctypes.c_char_p * 1)(b"([")
        self.lib.llama_sampler_init_grammar_lazy_patterns(
            self.vocabulary, b'root ::= "a"', b"root", patterns, 1, None, 0
        )

    def forbidden(self) -> None:
        self.lib.llama_sampler_accept(self.grammar(b'root ::= "a"'), 300)


ROWS: dict[str, Callable[[Bare], None]] = {
    "a batch longer than was agreed": lambda bare: bare.decode(100),
    "a row without logits": lambda bare: bare.sample([bare.lib.llama_sampler_init_greedy()], 0),
    "a chain that chooses nothing": lambda bare: bare.sample(
        [bare.lib.llama_sampler_init_top_k(5)]
    ),
    "a grammar that does not compile": lambda bare: bare.sample([bare.grammar(b"root ::= (((")]),
    "a pattern that does not compile": Bare.bad_pattern,
    "a token that the grammar forbids": Bare.forbidden,
}
