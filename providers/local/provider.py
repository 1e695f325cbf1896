"""A model in this process, served to any number of conversations at once.

What is left to a provider of its own kind: to make the engine, and to know the model's template.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import ClassVar, cast

from ...core.canon import ir
from ...core.canon.errors import ContextOverflow, InvalidRequest, NotSupported
from ...core.contract.provider import Model, Prepared, Provider, Residence, TokenCount
from . import encoding
from .answer import Answer
from .config import LocalConfig
from .embedding import embeddings, tokenized
from .encoding import Encoded
from .formats.detection import Formats
from .generation import generation
from .isolation.standing import stand_in
from .job import Job
from .known import Known
from .meter import Meter
from .parser import Parser
from .reading import read
from .residency import Residency
from .resident import Resident, TextEngine
from .sampling import Sampler, check, sampler
from .speech import Speech


class Local(Provider):
    """The base of every provider whose models run in this process."""

    config: LocalConfig
    warms: ClassVar[bool] = True
    features: ClassVar[frozenset[str]] = frozenset({"streaming"})
    constrains: ClassVar[bool] = False
    """Whether the engine heeds the `constraint` of a job."""

    def __init__(self, name: str, config: LocalConfig) -> None:
        super().__init__(name, config)
        self._known: Known
        self._meter = Meter()
        self._formats = Formats()
        self._residency = Residency(
            name, self._load, Resident.stop, config.rules, lambda here: here.works
        )
        if config.isolate == "process":
            self._residency = stand_in(self)

    @abstractmethod
    async def known(self) -> Known:
        """Fetch what is not here and read what needs no loading, before anything else.

        Raises `ConfigError` for what is not there.
        """

    @abstractmethod
    def engine(self) -> TextEngine:
        """A fresh engine that has loaded nothing."""

    # Life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._known = await self.known()
        if self._known.talks:
            self._speech = Speech(self.config, self._known)
            self._formats = await asyncio.to_thread(self._speech.formats)
            self._outline = await asyncio.to_thread(self._speech.template, self._formats)
            self._speech.warn()
        self._residency.open(self._known.footprint)
        if self.config.load == "start":
            try:
                await self._residency.arrived()
            except BaseException:
                await self.stop()
                raise

    async def stop(self) -> None:
        await self._residency.close()

    async def _load(self) -> Resident:
        capacity = self.config.slots + self.config.queue
        resident = Resident(self.name, self.engine(), capacity, self._meter)
        template = partial(self._speech.template, self._formats) if self._known.talks else None
        await resident.start(template, self._formats, self.constrains)
        return resident

    @property
    def _engine(self) -> TextEngine:
        assert self._residency.here is not None, "nothing is loaded"
        return self._residency.here.engine

    def status(self) -> Mapping[str, int]:
        resident, slots = self._residency.here, self.config.slots
        if resident is None:
            return {"slots": slots, "running": 0, "waiting": 0}
        worker = resident.worker
        return {"slots": slots, "running": worker.running, "waiting": worker.queued}

    def residences(self) -> Sequence[Residence]:
        residency, meter, now = self._residency, self._meter, self.status()
        if not residency.is_open:
            return ()
        return [
            Residence(
                self.config.name,
                residency.state,
                size=residency.size,
                pinned=residency.pinned,
                slots=now["slots"],
                running=now["running"],
                waiting=now["waiting"],
                prompt_tokens=meter.prompt,
                cached_tokens=meter.cached,
                output_tokens=meter.output,
                tokens_per_second=meter.speed,
            )
        ]

    async def load_model(self, model: str) -> None:
        await self._residency.arrived()

    async def unload_model(self, model: str) -> None:
        await self._residency.unload()

    async def models(self) -> Sequence[Model]:
        """Without loading. Whether a model thinks is then what its template says."""
        self._residency.check()
        resident = self._residency.here
        context = self._known.context if resident is None else resident.engine.context
        longest = min(self.config.default_max_tokens or context, context)
        return [
            Model(
                self.config.name,
                context_window=context,
                max_output=longest if self._known.talks else None,
                modalities=frozenset({"text", "image"} if self._known.sees else {"text"}),
                features=frozenset(self._features(resident)),
            )
        ]

    def _features(self, resident: Resident | None) -> set[str]:
        reads, found = self._known.reads, set()
        if reads is not None:
            found.add("rerank" if reads.scores else "embeddings")
        if self._known.talks:
            found |= self.features
            found |= {"tools"} if self._formats.tools.name != "generic" else set()
            found |= {"reasoning"} if self._thinks(resident) else set()
            found |= {"vision"} if self._known.sees else set()
        return found

    def _thinks(self, resident: Resident | None) -> bool:
        if resident is not None:
            return encoding.thinks(resident, self._formats)
        begins = self._formats.reasoning.begins
        return bool(begins) and self._outline.names(begins)

    # Calls ---------------------------------------------------------------------------------------

    async def prepare(self, request: ir.Request) -> Prepared:
        self._talking()
        async with self._residency.use() as at:
            check(request.sampling, at.engine.vocabulary.size)
            encoded = await self._encoded(at, request)
            size, limit = len(encoded.tokens), at.engine.context
        if size > limit - 1:
            raise ContextOverflow(size, limit - 1)  # the answer needs a token at least
        if not size:
            raise InvalidRequest("the conversation is empty: there is nothing to answer")
        return Prepared(lambda choice: self._run(request, encoded, choice), encoded.plan.losses)

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        self._talking()
        async with self._residency.use() as at:
            encoded = await at.aside(lambda: self._encode(at, request))
        return TokenCount(len(encoded.tokens))

    def _talking(self) -> None:
        reads = self._known.reads
        if not self._known.talks and reads is not None:
            does = "ranks documents" if reads.scores else "makes embeddings"
            raise NotSupported(
                f"model {self.config.name!r} {does} and answers nobody; ask another model",
                param="model",
            )

    async def embed(self, request: ir.EmbeddingRequest) -> ir.Embeddings:
        reads = self._known.reads
        if reads is None or reads.scores:
            return await super().embed(request)
        async with self._residency.use() as at:
            vocabulary = at.engine.vocabulary
            texts = await at.aside(lambda: tokenized(request, vocabulary, reads.limit))
            rows = await read(at.worker, texts)
            return await at.aside(lambda: embeddings(rows, request.dimensions, texts))

    async def _encoded(self, at: Resident, request: ir.Request) -> Encoded:
        return await at.aside(
            lambda: encoding.enforced(request, self._encode(at, request), self._formats)
        )

    def _encode(self, at: Resident, request: ir.Request) -> Encoded:
        return encoding.encoded(at, request, self._formats, self._known.limits)

    async def _run(
        self, request: ir.Request, encoded: Encoded, choice: int
    ) -> AsyncIterator[ir.Event]:
        """The model may have left since the request was encoded: then both are done anew."""
        async with self._residency.use() as at:
            if encoded.at is not at:
                encoded = await self._encoded(at, request)
            running = self._generation(request, encoded, choice)
            async with aclosing(cast("AsyncGenerator[ir.Event]", running)) as events:
                async for event in events:
                    yield event

    def _generation(
        self, request: ir.Request, encoded: Encoded, choice: int
    ) -> AsyncIterator[ir.Event]:
        parser = Parser(
            _call_id,
            encoded.plan.offered,
            thinking=encoded.thinking,
            parallel=request.tool_choice.parallel is not False,
            stop=request.sampling.stop,
            tool_format=self._formats.tools,
            reasoning_format=self._formats.reasoning,
            malformed=self.config.malformed_calls,
        )
        held = None if encoded.enforced is None else encoded.enforced.constraint()
        limit, chosen = self._limit(encoded.at, request), self._sampler(request, encoded, choice)
        job = Job(encoded.tokens, limit, chosen, held, encoded.images)
        started = ir.Started(secrets.token_hex(12), request.model or self.config.name)
        answer = Answer(parser, encoded.begun(self._formats))
        events = generation(encoded.at.worker, job, answer, started)
        return _warming(events) if request.sampling.max_tokens == 0 else events

    def _limit(self, at: Resident, request: ir.Request) -> int:
        asked = request.sampling.max_tokens
        if asked is None:
            asked = self.config.default_max_tokens or at.engine.context
        return max(1, asked)  # the engine reads a prompt only to say something after it

    def _sampler(self, request: ir.Request, encoded: Encoded, choice: int) -> Sampler:
        vocabulary = encoded.at.engine.vocabulary
        calls = vocabulary.marks.keys() & self._formats.tools.marks.keys()
        # Without tools, a call is one that nobody could run.
        forbidden = [] if encoded.plan.offered else [vocabulary.marks[mark] for mark in calls]
        return sampler(request.sampling, self.config.defaults, choice, vocabulary.size, forbidden)


async def _warming(events: AsyncIterator[ir.Event]) -> AsyncIterator[ir.Event]:
    """A request for no tokens at all: its prompt is read for the next one's sake."""
    async with aclosing(cast("AsyncGenerator[ir.Event]", events)) as running:
        async for event in running:
            match event:
                case ir.Started() | ir.Failed():
                    yield event
                case ir.Finished(usage=ir.Usage() as usage):
                    yield ir.Finished(ir.Stop("length"), replace(usage, output=0, reasoning=0))
                case _:
                    pass


def _call_id() -> str:
    return f"call_{secrets.token_hex(12)}"
