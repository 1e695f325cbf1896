"""Continuous batching of a model that sees, by mlx-vlm's `BatchGenerator`.

That one takes what a model makes of a prompt with its images, and where each token stands, which
mlx-lm's does not. A batch has one sampler, so each generation chooses its token among its own
processors. Prompts begin one after another, since kinds of models remember the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ...core.canon.errors import StackError
from ..local.job import Broken, Ended, Job, Output, Token, unheld
from .allocating import return_large
from .choosing import Chosen, Held, chooser, greedy, logprob, processors
from .config import Config
from .vision import Eyes, Sight, leave, load
from .vocabulary import Vocabulary


@dataclass(slots=True)
class Running:
    """The engine's part of a job; it has no number before its prompt's turn has come."""

    held: Held | None
    chosen: Chosen | None
    uid: int | None = None


class Seer:
    """The engine of one model, for a `Worker`."""

    vocabulary: Vocabulary
    context: int
    eyes: Eyes

    def __init__(self, config: Config) -> None:
        self._config = config
        self._generator: Any = None
        self._arrived: deque[Job] = deque()
        self._jobs: dict[int, Job] = {}
        self._slots = config.slots

    def load(self) -> None:
        import mlx.core as mx
        from mlx_vlm.generate.ar import BatchGenerator

        return_large()
        self._sight: Sight = load(self._config)
        self.eyes, self.context = self._sight.eyes, self._sight.context
        self.vocabulary = self._sight.vocabulary
        speaker = self._sight.model.language_model
        if not _shareable(speaker):
            self._slots = 1
        self._generator = BatchGenerator(
            speaker,
            SimpleNamespace(stopping_criteria=_Ends(self.vocabulary)),
            sampler=greedy,
            completion_batch_size=self._slots,
            prefill_batch_size=1,
            compute_logprobs=False,
            stream=mx.default_stream(mx.default_device()),
        )

    def close(self) -> None:
        self._arrived.clear()
        self._jobs.clear()
        if self._generator is not None:
            self._generator.close()
            self._generator = None
            self._free()

    def _free(self) -> None:
        """Nothing may hold on to the weights; MLX keeps what is let go for a next time."""
        import mlx.core as mx

        del self._sight, self.eyes
        mx.clear_cache()
        leave()

    # Jobs ----------------------------------------------------------------------------------------

    def admit(self, job: Job) -> int | None:
        if len(self._jobs) + len(self._arrived) >= self._slots:
            return None
        told = job.sampler.logprobs is not None
        held = None if job.constraint is None else Held(job.constraint, told)
        told = told and held is None
        free = job.sampler.temperature == 0 and not told
        job.state = Running(held, None if free else Chosen(chooser(job.sampler), told))
        self._arrived.append(job)
        return 0

    def preempted(self) -> list[Job]:
        return []  # memory grows as it is needed

    def drop(self, job: Job) -> None:
        state, job.state = job.state, None
        if state is None:
            return
        if state.uid is None:
            self._arrived = deque(other for other in self._arrived if other is not job)
        elif self._jobs.pop(state.uid, None) is not None:
            self._generator.remove(state.uid)

    # Steps ---------------------------------------------------------------------------------------

    def step(self) -> Iterable[tuple[Job, Output]]:
        outputs: list[tuple[Job, Output]] = []
        if self._arrived and not self._generator.has_pending_prompts:
            outputs += self._begin(self._arrived.popleft())
        _, responses = self._generator.next()
        for response in responses:
            job = self._jobs[response.uid]
            outputs += [(job, output) for output in self._read(job, response)]
        return outputs

    def _begin(self, job: Job) -> list[tuple[Job, Output]]:
        """Encode the images, and hand the prompt to the generator."""
        try:
            self._insert(job)
        except StackError as error:
            return [(job, Broken(error))]
        except Exception as error:  # whatever the code of a model's kind can raise
            why = f"the model could not read the prompt: {type(error).__name__}: {error}"
            return [(job, Broken(StackError(why)))]
        return []

    def _insert(self, job: Job) -> None:
        from mlx_vlm.generate.common import _chunked_prefill_enabled

        tokens, given = self._embedded(job)
        chunked = _chunked_prefill_enabled(
            self._sight.model, inputs_embeds=given["inputs_embeds"], prefill_kwargs=given
        )
        self._generator.prefill_step_size = self._config.prefill_chunk if chunked else None
        state = job.state
        processed = processors(job.sampler, job.sampler.biases, self.vocabulary.size)
        rules = [*processed, state.held, state.chosen]
        (state.uid,) = self._generator.insert(
            [tokens],
            [max(1, min(job.limit, self.context) - len(job.tokens))],
            prompt_kwargs=[given],
            logits_processors=[[rule for rule in rules if rule is not None]],
        )
        self._jobs[state.uid] = job

    def _embedded(self, job: Job) -> tuple[list[int], dict[str, Any]]:
        """The model's own tokens, and what it makes of them and of the images."""
        import mlx.core as mx

        arrays = _arrays(self.eyes.together([placed.picture for placed in job.images]))
        tokens = _shown(job)
        pixels = arrays.pop("pixel_values", None)
        found = self._sight.model.get_input_embeddings(
            mx.array([tokens]), pixels, mask=mx.ones((1, len(tokens)), mx.int32), **arrays
        ).to_dict()
        if found["inputs_embeds"].shape[1] != len(tokens):
            raise ValueError("an image takes more room than its tokens")
        return tokens, arrays | {name: each for name, each in found.items() if each is not None}

    def _read(self, job: Job, response: Any) -> list[Output]:
        state: Running = job.state
        held = state.held
        if held is not None and held.unmet is not None:
            self.drop(job)
            return [unheld(held.unmet)]
        token = int(response.token)
        ended = self.vocabulary.ends(token)
        job.tokens.append(token)
        told = self._logprob(job, token)
        outputs: list[Output] = [
            Token(b"", None) if ended else Token(self.vocabulary.piece(token), told)
        ]
        if response.finish_reason is not None:  # the generator has let go of it already
            self._jobs.pop(response.uid, None)
            job.state = None
            outputs.append(Ended("end" if ended else "length"))
        elif held is not None and held.constraint.done:
            self.drop(job)
            outputs.append(Ended("end"))
        return outputs

    def _logprob(self, job: Job, token: int) -> Any:
        wanted, source = job.sampler.logprobs, job.state.held or job.state.chosen
        if wanted is None:
            return None
        return logprob(source.own(), token, wanted, self.vocabulary)


class _Ends:
    """What ends an answer, as mlx-vlm asks for it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __call__(self, token: int) -> bool:
        return self._vocabulary.ends(token)

    def add_eos_token_ids(self, tokens: object) -> None:
        """There are no others."""


def _shown(job: Job) -> list[int]:
    """A prompt with the model's own tokens where its images stand."""
    tokens = list(job.tokens)
    for placed in job.images:
        tokens[placed.start : placed.end] = placed.picture.tokens
    return tokens


def _arrays(given: dict[str, Any]) -> dict[str, Any]:
    import mlx.core as mx
    import numpy

    def made(value: Any) -> Any:
        if isinstance(value, list):
            return [made(each) for each in value]
        return mx.array(value) if isinstance(value, numpy.ndarray) else value

    return {name: made(value) for name, value in given.items()}


def _shareable(model: Any) -> bool:
    """Whether what it remembers of several conversations can be read together."""
    from mlx_vlm.models.cache import make_prompt_cache

    def joins(each: Any) -> bool:
        return hasattr(type(each), "merge") or hasattr(each, "extend")

    return all(joins(layer) for layer in make_prompt_cache(model))
