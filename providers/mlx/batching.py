"""Continuous batching by mlx-lm's `BatchGenerator`: the one place that knows that moving API.

A generation that ended leaves its memory behind, so that the next turn of its conversation need
not read what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..local.job import Ended, Job, Output, Token, unheld
from ..local.prefix import common_prefix
from .allocating import return_large
from .choosing import Greedy, Held, chooser, logprob, processors
from .config import Config
from .loading import Loaded, load
from .memories import SIMILAR_TOKENS, Memories, Memory, cut, saved
from .vocabulary import Vocabulary


@dataclass(slots=True)
class Running:
    """The engine's part of a job."""

    uid: int
    held: Held | None


class Batcher:
    """The engine of one model, for a `Worker`."""

    vocabulary: Vocabulary
    context: int

    def __init__(self, config: Config) -> None:
        self._config = config
        self._generator: Any = None
        self._jobs: dict[int, Job] = {}
        self._greedy = Greedy()
        self._memories = Memories(config.cache_memory)

    def load(self) -> None:
        import mlx.core as mx
        from mlx_lm.generate import BatchGenerator

        return_large()
        self.loaded: Loaded = load(self._config)
        self.vocabulary, self.context = self.loaded.vocabulary, self.loaded.context
        slots = self._config.slots
        self._generator = BatchGenerator(
            self.loaded.model,
            completion_batch_size=slots,
            prefill_batch_size=slots,
            prefill_step_size=self._config.prefill_chunk,
            stream=mx.default_stream(mx.default_device()),
        )

    def close(self) -> None:
        self._jobs.clear()
        self._memories.clear()
        if self._generator is not None:
            self._generator.close()
            self._generator = None
            self._free()

    def _free(self) -> None:
        """Nothing may hold on to the weights; MLX keeps what is let go for a next time."""
        import mlx.core as mx

        del self.loaded
        mx.clear_cache()

    @property
    def generating(self) -> bool:
        return bool(self._jobs)

    def admit(self, job: Job) -> int | None:
        if len(self._jobs) >= self._config.slots:
            return None
        memory = self._remembered(job.tokens[:-1])
        known = len(memory.tokens) if memory is not None else 0
        held = (
            None
            if job.constraint is None
            else Held(job.constraint, job.sampler.logprobs is not None)
        )
        sampler, size = job.sampler, self.vocabulary.size
        if sampler.temperature == 0:
            choose, bias = self._greedy.without(sampler.forbidden), sampler.logit_bias
        else:
            choose, bias = chooser(sampler), sampler.biases
        processed = processors(sampler, bias, size)
        (uid,) = self._generator.insert(
            [job.tokens[known:]],
            [max(1, min(job.limit, self.context) - len(job.tokens))],
            caches=None if memory is None else [memory.cache],
            all_tokens=None if memory is None else [list(memory.tokens)],
            samplers=[choose],
            logits_processors=[processed if held is None else [*processed, held]],
        )
        job.state = Running(uid, held)
        self._jobs[uid] = job
        return known

    def step(self) -> Iterable[tuple[Job, Output]]:
        _, responses = self._generator.next()
        outputs: list[tuple[Job, Output]] = []
        for response in responses:
            job = self._jobs[response.uid]
            outputs += [(job, output) for output in self._read(job, response)]
        return outputs

    def preempted(self) -> list[Job]:
        return []  # memory grows as it is needed

    def drop(self, job: Job) -> None:
        if job.state is None or self._jobs.pop(job.state.uid, None) is None:
            return
        uid, job.state = job.state.uid, None
        for cache, tokens in self._generator.remove([uid], return_prompt_caches=True).values():
            self._memories.put(tokens, cache)

    # What a step brought -------------------------------------------------------------------------

    def _read(self, job: Job, response: Any) -> list[Output]:
        held = job.state.held
        if held is not None and held.unmet is not None:
            self.drop(job)
            return [unheld(held.unmet)]
        token = int(response.token)
        ended = self.vocabulary.ends(token)
        wanted = job.sampler.logprobs
        told = None
        if wanted is not None:
            row = response.logprobs if held is None else held.own()
            told = None if ended else logprob(row, token, wanted, self.vocabulary)
        job.tokens.append(token)
        outputs: list[Output] = [Token(b"" if ended else self.vocabulary.piece(token), told)]
        if response.finish_reason is not None:  # the generator has let go of it already
            self._jobs.pop(response.uid, None)
            job.state = None
            self._memories.put(response.all_tokens, response.prompt_cache)
            outputs.append(Ended("end" if ended else "length"))
        elif ended or (held is not None and held.constraint.done):
            self.drop(job)
            outputs.append(Ended("end"))
        return outputs

    def _remembered(self, prompt: Sequence[int]) -> Memory | None:
        """From an idle conversation, or from one that runs where that has more."""
        found = self._memories.take(prompt)
        known = 0 if found is None else len(found.tokens)
        lead = max(
            self._jobs.values(), key=lambda job: common_prefix(job.tokens, prompt), default=None
        )
        if lead is None or common_prefix(lead.tokens, prompt) < known + SIMILAR_TOKENS:
            return found
        ((cache, tokens),) = self._generator.extract_cache([lead.state.uid]).values()
        other = Memory(list(tokens), cache)
        size = saved(other, prompt) if tokens else 0
        if size < known + SIMILAR_TOKENS:  # it has not been read yet
            return found
        if found is not None:
            self._memories.put(found.tokens, found.cache)
        return cut(other, size)
