"""Continuous batching: every running conversation gets a row of each batch the engine decodes.

A step decodes one row for each job that is generating, and fills up with prompts in chunks, so
that a long prompt never makes the others wait for long. A job may bring a draft of what it will
say: its rows are decoded in the same step, and what the sampler would not have chosen is forgotten.
When memory runs out the idle slots are emptied first; then the youngest job leaves and comes back
later; a job that is alone ends with `length`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.canon.errors import StackError
from ..local.constraints.constraint import Unmet
from ..local.images import Placed
from ..local.job import Broken, Ended, Job, Output, Token, unheld
from ..local.lookup import Lookup
from .archive import Archive
from .native import Chain, Context, Model, Span, Vocabulary, library, logprobs
from .native_images import Eyes
from .planning import BRIDGE, FEW, Planner
from .slots import Slot, Slots

log = logging.getLogger(__name__)

FULL = 1  # llama_decode: no room in memory for this batch


@dataclass(slots=True)
class Running:
    """The engine's part of a job; `chain` outlives a preemption, so that its seed goes on."""

    chain: Chain
    lookup: Lookup | None = None
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of an engine, all in tokens but the threads and the bytes of `archive`."""

    slots: int
    cells: int
    batch: int
    prefill_chunk: int
    threads: int
    unified: bool
    kv_type: str = "f16"
    flash: bool | None = None
    draft: int = 0  # tokens of the longest draft
    archive: int = 0
    folder: Path | None = None  # of the archive
    fingerprint: str = ""


class Batcher:
    """The engine of one model, for a `Worker`; `vocabulary` may be used by others after `load`."""

    vocabulary: Vocabulary
    context: int  # tokens that one conversation may have

    def __init__(self, load: Callable[[Any], Model], shape: Shape) -> None:
        self._load = load
        self._shape = shape
        self._model: Model | None = None
        self._context: Context | None = None
        self._preempted: list[Job] = []
        self._round: list[tuple[Slot, Job]] | None = None  # all that run, if each said one token
        self.eyes: Eyes | None = None  # of a model that reads images

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
            kv_type=shape.kv_type,
            flash=shape.flash,
        )
        self.context = self._context.context
        archive = Archive(shape.archive, shape.folder, shape.fingerprint, self._context.cuts)
        self._slots = Slots(self._context, shape.slots, archive)
        self._planner = Planner(self._context, self._slots, shape.batch, shape.prefill_chunk)

    def close(self) -> None:
        if self._context is not None:
            for _, job in self._slots.running:
                self.drop(job)
            self._slots.close()
            self._context.close()
        if self._model is not None:
            self._model.close()

    # Jobs ----------------------------------------------------------------------------------------

    def admit(self, job: Job) -> int | None:
        placed = self._slots.place(job)
        if placed is None:
            return None
        self._round = None
        if job.state is None:
            job.state = self._running(job)
        job.state.slot, reused = placed
        return reused

    def _running(self, job: Job) -> Running:
        chain = Chain(self._native.lib, job.sampler, self.vocabulary.size)
        drafts = (
            self._shape.draft and self._memory.cuts and job.constraint is None and not job.images
        )
        return Running(chain, Lookup(self._shape.draft) if drafts else None)

    def drop(self, job: Job) -> None:
        self._leave(job)
        if job.state is not None:
            job.state.chain.close()
            job.state = None

    def _leave(self, job: Job) -> None:
        self._round = None
        if job.state is not None and job.state.slot is not None:
            self._slots.release(job.state.slot)
            job.state.slot = None

    # Steps ---------------------------------------------------------------------------------------

    def step(self) -> list[tuple[Job, Output]]:
        self._slots.now += 1
        if self._round is not None:
            return self._again(self._round)
        if self.eyes is not None and (failed := self._look(self.eyes)):
            return failed
        slots, spans = self._planner.plan()
        if not spans:  # there are only images to be read
            return [*self._slots.told()]
        code, rows = self._memory.decode(spans)
        if code:
            return self._undecoded([slot.job for slot in slots if slot.job], code)
        outputs: list[tuple[Job, Output]] = [*self._slots.told()]
        for slot, span, row in zip(slots, spans, rows, strict=True):
            if span.tokens is BRIDGE:
                self._memory.forget(slot.id, span.start)
                continue
            slot.tokens += span.tokens
            slot.used = self._slots.now
            if slot.job is not None:
                if span.sampled == 1:
                    self._sample(slot.job, row, outputs)
                elif span.sampled:
                    self._said(slot, span, row, outputs)
        if all(len(span.tokens) == span.sampled == 1 for span in spans):
            self._round = self._whole(slots)
        return self._settled(outputs)

    def _whole(self, slots: Sequence[Slot]) -> list[tuple[Slot, Job]] | None:
        """Those of a batch, if they are all that run, and bring no drafts."""
        running = self._slots.running
        same = [slot for slot, _ in running] == slots
        return running if same and all(job.state.lookup is None for _, job in running) else None

    def _again(self, round: list[tuple[Slot, Job]]) -> list[tuple[Job, Output]]:
        """A step like the last one: there is nothing to plan while nobody comes or goes."""
        said = [job.tokens[-1] for _, job in round]
        if code := self._memory.again(said):
            return self._undecoded([job for _, job in round], code)
        outputs: list[tuple[Job, Output]] = []
        now = self._slots.now
        for row, (slot, job) in enumerate(round):
            slot.tokens.append(said[row])
            slot.used = now
            self._sample(job, row, outputs)
        return self._settled(outputs)

    def _settled(self, outputs: list[tuple[Job, Output]]) -> list[tuple[Job, Output]]:
        """Whoever has ended lets go of the slot."""
        if self._round is not None and len(outputs) != len(self._round):
            self._round = None  # somebody said more than one token
        for job, output in outputs:
            if output.last:
                self.drop(job)
        return outputs

    def _undecoded(self, jobs: Sequence[Job], code: int) -> list[tuple[Job, Output]]:
        self._round = None
        return self._make_room() if code == FULL else self._fail(jobs, code)

    def _look(self, eyes: Eyes) -> list[tuple[Job, Output]]:
        """Read the next image that a job has come to: one in a step, since the others wait."""
        for slot, job in sorted(self._slots.running, key=lambda pair: pair[1].serial):
            if not job.images or not self._slots.follow(slot):
                continue
            placed = job.image_at(len(slot.tokens))
            if placed is not None:
                return self._read_image(eyes, slot, job, placed)
        return []

    def _read_image(
        self, eyes: Eyes, slot: Slot, job: Job, placed: Placed
    ) -> list[tuple[Job, Output]]:
        start, end = placed.start, placed.end
        if len(slot.tokens) > start:  # half of an image is none
            self._slots.cut(slot, start)
            return []
        code = eyes.read(self._memory.handle, placed.picture, slot.id, start)
        if code == 0:
            slot.tokens += job.tokens[start:end]
            slot.used = self._slots.now
            return []
        self._slots.cut(slot, start)  # as much of it as came in
        return self._undecoded([job], code)

    def _said(self, slot: Slot, span: Span, last: int, outputs: list[tuple[Job, Output]]) -> None:
        """What a job says in a step: one token, and as much of its draft as it would have said."""
        assert slot.job is not None
        job, drafted = slot.job, span.sampled - 1
        for kept, row in enumerate(range(last - drafted, last + 1)):
            self._sample(job, row, outputs)
            at = len(slot.tokens) - drafted + kept
            # The draft goes on to hold as long as each of its tokens is the one that was chosen.
            if outputs[-1][1].last or kept == drafted:
                break
            if slot.tokens[at] != job.tokens[at]:
                break
        job.state.lookup.learn(drafted, kept)
        if kept < drafted:
            self._slots.cut(slot, len(slot.tokens) - drafted + kept)

    def _sample(self, job: Job, row: int, outputs: list[tuple[Job, Output]]) -> None:
        wanted, constraint = job.sampler.logprobs, job.constraint
        logits = None if wanted is None else self._memory.logits(row).copy()
        try:
            token, forced = self._choose(job, row)
        except Unmet as unmet:
            outputs.append((job, unheld(unmet)))
            return
        job.tokens.append(token)
        ended = self.vocabulary.ends(token)
        logprob = None
        if wanted is not None and not ended:
            logprob = logprobs(logits, token, wanted, self.vocabulary)
        outputs.append((job, Token(b"" if ended else self.vocabulary.piece(token), logprob)))
        for other in forced:
            job.tokens.append(other)
            outputs.append((job, Token(self.vocabulary.piece(other))))
        if ended or (constraint is not None and constraint.done):
            outputs.append((job, Ended("end")))
        elif len(job.tokens) >= job.limit or len(job.tokens) >= self.context:
            outputs.append((job, Ended("length")))

    def _choose(self, job: Job, row: int) -> tuple[int, Sequence[int]]:
        """The next token, and those that can only follow it: they are decoded in one step."""
        chain, constraint = job.state.chain, job.constraint
        if constraint is None:
            return self._memory.sample(chain, row), ()
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
            self._slots.keep(min(idle, key=lambda slot: slot.used), 0)
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
        self._slots.forget_all()
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
