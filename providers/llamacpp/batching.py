"""Continuous batching: every running conversation gets a row of each batch the engine decodes.

A slot is a sequence of the engine's memory and what is known to be in it. A job takes the free
slot whose content it can reuse most of, or else the one that was idle longest. A step decodes one
row for each job that is generating, and fills up with prompts in chunks, so that a long prompt
never makes the others wait for long. When memory runs out the idle slots are emptied first; then
the youngest job leaves and comes back later; a job that is alone ends with `length`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.canon.errors import StackError
from ..local.constraints.constraint import Unmet
from ..local.job import Broken, Ended, Job, Output, Token
from ..local.prefix import common_prefix
from .native import Chain, Context, Model, Span, Vocabulary, library, logprobs

log = logging.getLogger(__name__)

SIMILAR_TOKENS = 64
SIMILAR_SHARE = 0.5
FEW = 32  # tokens that a job may decode in a step while others wait for their prompts
FULL = 1  # llama_decode: no room in memory for this batch


@dataclass(slots=True)
class Slot:
    id: int
    tokens: list[int] = field(default_factory=list)  # what is in memory
    job: Job | None = None
    used: int = 0  # when, in steps


@dataclass(slots=True)
class Running:
    """The engine's part of a job; `chain` outlives a preemption, so that its seed goes on."""

    chain: Chain
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of an engine, all in tokens but the threads."""

    slots: int
    cells: int
    batch: int
    prefill_chunk: int
    threads: int
    unified: bool


class Batcher:
    """The engine of one model, for a `Worker`; `vocabulary` may be used by others after `load`."""

    vocabulary: Vocabulary
    context: int  # tokens that one conversation may have

    def __init__(self, load: Callable[[Any], Model], shape: Shape) -> None:
        self._load = load
        self._shape = shape
        self._model: Model | None = None
        self._context: Context | None = None
        self._slots = [Slot(id) for id in range(shape.slots)]
        self._step = 0
        self._preempted: list[Job] = []

    def load(self) -> None:
        lib = library()
        self._model = self._load(lib)
        self.vocabulary = Vocabulary(self._model)
        shape = self._shape
        self._context = Context(
            self._model,
            cells=shape.cells,
            sequences=shape.slots,
            batch=shape.batch,
            threads=shape.threads,
            unified=shape.unified,
        )
        self.context = self._context.context

    def close(self) -> None:
        for slot in self._slots:
            if slot.job is not None:
                self.drop(slot.job)
        if self._context is not None:
            self._context.close()
        if self._model is not None:
            self._model.close()

    # Slots ---------------------------------------------------------------------------------------

    def admit(self, job: Job) -> int | None:
        free = [slot for slot in self._slots if slot.job is None]
        if not free or not self._has_room(job):
            return None
        if job.state is None:
            job.state = Running(Chain(self._native.lib, job.sampler, self.vocabulary.size))
        slot, reused = self._best(free, job.tokens)
        reused = self._keep(slot, reused)
        slot.job, slot.used = job, self._step
        job.state.slot = slot
        return reused

    def _has_room(self, job: Job) -> bool:
        """In a shared memory a job waits until its tokens fit beside those that are running."""
        running = [slot.job for slot in self._slots if slot.job is not None]
        if not self._shape.unified or not running:
            return True
        held = sum(len(other.tokens) + 1 for other in running)
        return held + len(job.tokens) < self._memory.cells

    @staticmethod
    def _best(free: Sequence[Slot], tokens: Sequence[int]) -> tuple[Slot, int]:
        # The last token is decoded anew in any case: its logits are needed.
        common = {slot.id: common_prefix(slot.tokens, tokens[:-1]) for slot in free}
        slot = max(free, key=lambda slot: common[slot.id])
        enough = min(SIMILAR_TOKENS, SIMILAR_SHARE * len(tokens))
        if common[slot.id] < max(1, enough):
            slot = min(free, key=lambda slot: (bool(slot.tokens), slot.used))
        return slot, common[slot.id]

    def _keep(self, slot: Slot, size: int) -> int:
        """Cut a slot's content to a prefix; some models can only forget all of it."""
        if size < len(slot.tokens):
            whole = not self._memory.forget(slot.id, size)
            if whole or size == 0:
                size = 0
            slot.tokens = slot.tokens[:size]
        return size

    def drop(self, job: Job) -> None:
        self._leave(job)
        if job.state is not None:
            job.state.chain.close()
            job.state = None

    def _leave(self, job: Job) -> None:
        """The job gives its slot back; what is in it stays for the next turn."""
        if job.state is not None and job.state.slot is not None:
            job.state.slot.job = None
            job.state.slot = None

    # Steps ---------------------------------------------------------------------------------------

    def step(self) -> list[tuple[Job, Output]]:
        self._step += 1
        slots, spans = self._plan()
        code, rows = self._memory.decode(spans)
        if code == FULL:
            return self._make_room()
        if code != 0:
            return self._fail([slot.job for slot in slots if slot.job], code)
        outputs: list[tuple[Job, Output]] = []
        for slot, span, row in zip(slots, spans, rows, strict=True):
            slot.tokens += span.tokens
            slot.used = self._step
            if span.sampled and slot.job is not None:
                outputs += [(slot.job, output) for output in self._sample(slot.job, row)]
        for job, output in outputs:
            if isinstance(output, Ended | Broken):
                self.drop(job)
        return outputs

    def _plan(self) -> tuple[list[Slot], list[Span]]:
        """The next batch: generating jobs first, then prompts in the order of their arrival."""
        slots: list[Slot] = []
        spans: list[Span] = []
        room, prefill = self._shape.batch, self._shape.prefill_chunk
        running = [(slot, slot.job) for slot in self._slots if slot.job is not None]
        running.sort(key=lambda pair: (_missing(*pair) > FEW, pair[1].serial))
        for slot, job in running:
            missing = _missing(slot, job)
            size = min(missing, room) if missing <= FEW else min(missing, room, prefill)
            if size <= 0:
                continue
            start = len(slot.tokens)
            tokens = job.tokens[start : start + size]
            spans.append(Span(slot.id, start, tokens, size == missing))
            slots.append(slot)
            room -= size
            prefill -= size if missing > FEW else 0
        return slots, spans

    def _sample(self, job: Job, row: int) -> list[Output]:
        wanted = job.sampler.logprobs
        logits = None if wanted is None else self._memory.logits(row).copy()
        try:
            token, forced = self._choose(job, row)
        except Unmet as unmet:
            return [Broken(StackError(f"the answer could not be held to its format: {unmet}"))]
        ended = self.vocabulary.ends(token)
        data = b"" if ended else self.vocabulary.piece(token)
        logprob = None
        if wanted is not None and not ended:
            logprob = logprobs(logits, token, wanted, self.vocabulary)
        job.tokens += [token, *forced]
        outputs: list[Output] = [Token(data, logprob)]
        outputs += [Token(self.vocabulary.piece(other)) for other in forced]
        if ended or (job.constraint is not None and job.constraint.done):
            outputs.append(Ended("end"))
        elif len(job.tokens) >= min(job.limit, self.context):
            outputs.append(Ended("length"))
        return outputs

    def _choose(self, job: Job, row: int) -> tuple[int, list[int]]:
        """The next token, and those that can only follow it: they are decoded in one step."""
        chain, constraint = job.state.chain, job.constraint
        if constraint is None:
            return self._memory.sample(chain, row), []
        token = self._memory.sample(chain, row, constraint.allowed())
        constraint.accept(token)
        forced: list[int] = []
        room = min(job.limit, self.context) - len(job.tokens) - 1
        if job.sampler.logprobs is None and not constraint.done:
            for other in constraint.forced()[: min(room, FEW - 1)]:
                constraint.accept(other)
                chain.accept(other)
                forced.append(other)
        return token, forced

    def _make_room(self) -> list[tuple[Job, Output]]:
        """Memory is full and nothing was decoded; the next step tries again."""
        idle = [slot for slot in self._slots if slot.job is None and slot.tokens]
        if idle:
            self._keep(min(idle, key=lambda slot: slot.used), 0)
            return []
        jobs = [slot.job for slot in self._slots if slot.job is not None]
        youngest = max(jobs, key=lambda job: job.serial)
        if len(jobs) == 1:
            self.drop(youngest)
            return [(youngest, Ended("length"))]
        self._leave(youngest)
        self._preempted.append(youngest)
        return []

    def preempted(self) -> list[Job]:
        jobs, self._preempted = self._preempted, []
        return jobs

    def _fail(self, jobs: Sequence[Job], code: int) -> list[tuple[Job, Output]]:
        """The engine refused a batch: its jobs fail, and the others compute their prompts anew."""
        log.error("llama.cpp could not decode a batch (code %d)", code)
        self._memory.forget_all()
        for slot in self._slots:
            slot.tokens = []
        for job in jobs:
            self.drop(job)
        error = StackError(f"the engine could not decode this request (code {code})")
        return [(job, Broken(error)) for job in jobs]

    @property
    def _memory(self) -> Context:
        assert self._context is not None
        return self._context

    @property
    def _native(self) -> Model:
        assert self._model is not None
        return self._model


def _missing(slot: Slot, job: Job) -> int:
    return len(job.tokens) - len(slot.tokens)
