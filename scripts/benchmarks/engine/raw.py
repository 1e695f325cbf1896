"""The limit: llama.cpp's own calls in a loop that does nothing else.

All prompts are decoded, then one row for each stream in every step, and the greedy sampler in C
chooses. No text is made, nothing is stopped, nobody is told.
"""

from __future__ import annotations

import time
from typing import Any

from .sample import Answer, Refused, Sample
from .setup import BATCH, Setup


class Raw:
    def __init__(self, setup: Setup) -> None:
        from llama_cpp import llama_cpp as lib

        self._lib: Any = lib
        self._log = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self._log, None)
        lib.llama_backend_init()
        model = lib.llama_model_load_from_file(
            setup.model.encode(), lib.llama_model_default_params()
        )
        self._vocabulary = lib.llama_model_get_vocab(model)
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max = setup.cells, setup.slots
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads = params.n_threads_batch = setup.threads
        params.kv_unified, params.flash_attn_type = False, int(setup.flash)
        self._context = lib.llama_init_from_model(model, params)
        if not self._context:
            raise Refused("the engine makes no context of this size")
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(BATCH, 0, 1)
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        lib.llama_sampler_chain_add(self._chain, lib.llama_sampler_init_greedy())

    def run(self, prompts: list[str], tokens: int) -> Sample:
        lib, context, batch, chain = self._lib, self._context, self._batch, self._chain
        streams = range(len(prompts))
        lib.llama_memory_clear(self._memory, True)
        began = time.perf_counter()
        begun = [self._prompt(stream, text) for stream, text in enumerate(prompts)]
        first = time.perf_counter() - began
        sizes, last = [size for size, _ in begun], [token for _, token in begun]
        token, position = batch.token, batch.pos
        for stream in streams:
            batch.n_seq_id[stream], batch.seq_id[stream][0] = 1, stream
            batch.logits[stream] = 1
        batch.n_tokens = len(prompts)
        for step in range(tokens - 1):
            for stream in streams:
                token[stream] = last[stream]
                position[stream] = sizes[stream] + step
            if lib.llama_decode(context, batch):
                raise Refused("the engine does not decode a batch")
            last = [lib.llama_sampler_sample(chain, context, stream) for stream in streams]
        seconds = time.perf_counter() - began
        return Sample.of([Answer(tokens, first, seconds) for _ in streams], seconds)

    def _prompt(self, stream: int, text: str) -> tuple[int, int]:
        """Decode one prompt: its size, and the token after it."""
        lib, batch = self._lib, self._batch
        data = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n".encode()
        room = (lib.llama_token * BATCH)()
        size = lib.llama_tokenize(self._vocabulary, data, len(data), room, BATCH, True, True)
        for row in range(size):
            batch.token[row], batch.pos[row] = room[row], row
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, stream
            batch.logits[row] = row == size - 1
        batch.n_tokens = size
        if lib.llama_decode(self._context, batch):
            raise Refused("the engine does not decode a prompt")
        return int(size), int(lib.llama_sampler_sample(self._chain, self._context, size - 1))
