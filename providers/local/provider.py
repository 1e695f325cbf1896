"""A model in this process, served to any number of conversations at once.

What is left to a provider of its own kind: to make the engine, and to know the model's template.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from ...core.canon import ir
from ...core.canon.errors import ConfigError, ContextOverflow, InvalidRequest, Overloaded
from ...core.contract.provider import Model, Prepared, Provider, TokenCount
from .accounting import callable_tools
from .answer import Answer
from .config import LocalConfig
from .constraints.enforcing import Enforced, Enforcer
from .constraints.planning import Thoughts
from .generation import generation
from .guarding import Guard, cut
from .job import Job
from .messages import Plan, plan
from .parser import CALL, THINK, Parser
from .sampling import Sampler, check, sampler
from .tools import Names
from .worker import Engine, Worker

if TYPE_CHECKING:
    from .template import ChatTemplate

T = TypeVar("T")
NEVER = float("-inf")  # the bias of a token that must not come


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A request as the engine takes it."""

    plan: Plan
    tokens: list[int]
    thinking: bool
    enforced: Enforced | None = None


class Vocabulary(Protocol):
    """Text to tokens. `marks` are the tokens of the marks that parsers look for."""

    @property
    def size(self) -> int: ...
    @property
    def marks(self) -> Mapping[str, int]: ...
    @property
    def special_texts(self) -> Mapping[str, str]: ...
    def specials(self) -> Iterable[str]:
        """The texts that are read as one token each, whatever they stand in."""

    def tokenize(self, text: str, beginning: bool = True) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def ends(self, token: int) -> bool: ...


class TextEngine(Engine, Protocol):
    """Once it is loaded, any thread may use its vocabulary."""

    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def context(self) -> int:
        """Tokens that one conversation may have."""


class Local(Provider):
    """The base of every provider whose models run in this process."""

    config: LocalConfig
    features: ClassVar[frozenset[str]] = frozenset({"streaming"})
    constrains: ClassVar[bool] = False
    """Whether the engine heeds the `constraint` of a job."""

    def __init__(self, name: str, config: LocalConfig) -> None:
        super().__init__(name, config)
        self._pool: ThreadPoolExecutor | None = None
        self._worker: Worker | None = None
        self._engine: TextEngine
        self._template: ChatTemplate
        self._guard: Guard
        self._enforcer: Enforcer | None = None

    @abstractmethod
    async def engine(self) -> TextEngine:
        """A fresh engine that has loaded nothing; raises `ConfigError` for what is not there."""

    @abstractmethod
    def template(self) -> str | None:
        """The source of the model's own chat template, once the engine is loaded."""

    # Life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._engine = await self.engine()
        worker = Worker(self.name, self._engine, self.config.slots + self.config.queue)
        await worker.start()
        self._worker = worker
        self._pool = ThreadPoolExecutor(2, thread_name_prefix=f"prompts {self.name}")
        try:
            self._template = await self._aside(self._parsed)
            self._guard = await self._aside(lambda: Guard(self._engine.vocabulary.specials()))
            if self.constrains and Enforcer.available():
                self._enforcer = Enforcer(self._engine.vocabulary)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        pool, self._pool = self._pool, None
        worker, self._worker = self._worker, None
        if pool is not None:
            # Tokenizers use the model: they have to be through before it goes.
            await asyncio.to_thread(pool.shutdown)
        if worker is not None:
            await worker.stop()

    async def _aside(self, work: Callable[[], T]) -> T:
        """Run what takes a while on another thread than the loop's or the engine's."""
        self._running()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _running(self) -> Worker:
        if self._worker is None:
            raise Overloaded(f"{self.name} is not running", retry_after=5)
        return self._worker

    def status(self) -> Mapping[str, int]:
        worker = self._worker
        if worker is None:
            return {}
        slots = self.config.slots
        return {"slots": slots, "running": worker.running, "waiting": worker.queued}

    async def models(self) -> Sequence[Model]:
        self._running()
        context = self._engine.context
        features = set(self.features)
        features |= {"tools"} if self._template.hermes else set()
        features |= {"reasoning"} if THINK in self._engine.vocabulary.marks else set()
        return [
            Model(
                self.config.name,
                context_window=context,
                max_output=min(self.config.default_max_tokens or context, context),
                features=frozenset(features),
            )
        ]

    def _parsed(self) -> ChatTemplate:
        from jinja2 import TemplateError

        from .template import ChatTemplate

        source = self.config.chat_template or self.template()
        if source is None:
            raise ConfigError(
                f"{self.config.model}: the model has no chat template; give one as `chat_template`"
            )
        try:
            return ChatTemplate(source, self._engine.vocabulary.special_texts)
        except TemplateError as error:
            raise ConfigError(
                f"{self.config.model}: its chat template cannot be read: {error}"
            ) from None

    # Calls ---------------------------------------------------------------------------------------

    async def prepare(self, request: ir.Request) -> Prepared:
        self._running()
        check(request.sampling, self._engine.vocabulary.size)
        encoded = await self._aside(lambda: self._enforced(request, self._encode(request)))
        size, limit = len(encoded.tokens), self._engine.context
        if size > limit - 1:
            raise ContextOverflow(size, limit - 1)  # the answer needs a token at least
        if not size:
            raise InvalidRequest("the conversation is empty: there is nothing to answer")
        return Prepared(lambda choice: self._run(request, encoded, choice), encoded.plan.losses)

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        encoded = await self._aside(lambda: self._encode(request))
        return TokenCount(len(encoded.tokens))

    def _encode(self, request: ir.Request) -> _Encoded:
        try:
            mapped = plan(request, self._template, enforced=self._enforcer is not None)
            messages, tools, seam = self._guard.seamed(mapped.messages, mapped.tools)
            prompt = self._template.render(messages, tools, mapped.kwargs)
        except RecursionError:
            raise InvalidRequest("the request is nested too deeply") from None
        text, thinking = prompt.text, prompt.thinking
        begun = self._guard.spoken(mapped.continued, seam) + mapped.forced
        if begun and thinking:
            text, thinking = text + "\n</think>\n\n", False
        text += begun
        vocabulary = self._engine.vocabulary
        beginning = vocabulary.special_texts["bos_token"]
        first, *rest = cut(text, seam)
        tokens = vocabulary.tokenize(first, not (beginning and text.startswith(beginning)))
        for piece in rest:
            tokens += vocabulary.tokenize(piece, False)
        return _Encoded(mapped, tokens, thinking)

    def _enforced(self, request: ir.Request, encoded: _Encoded) -> _Encoded:
        """The same, with what its answer is held to."""
        if self._enforcer is None:
            return encoded
        mapped = encoded.plan
        names = Names(request.tools)
        found, losses = self._enforcer.enforced(
            request,
            {names.flat(tool.namespace, tool.name): tool for tool in callable_tools(request)},
            Thoughts(encoded.thinking, self._may_think(mapped)),
            mapped.continued,
        )
        mapped.losses = [*mapped.losses, *losses]
        return replace(encoded, enforced=found)

    def _may_think(self, mapped: Plan) -> bool:
        if mapped.continued or THINK not in self._engine.vocabulary.marks:
            return False
        wanted = mapped.kwargs.get("enable_thinking")
        return self._template.thinks_unasked if wanted is None else bool(wanted)

    def _run(self, request: ir.Request, encoded: _Encoded, choice: int) -> AsyncIterator[ir.Event]:
        parser = Parser(
            _call_id,
            encoded.plan.offered,
            thinking=encoded.thinking,
            parallel=request.tool_choice.parallel is not False,
            stop=request.sampling.stop,
        )
        held = None if encoded.enforced is None else encoded.enforced.constraint()
        limit, chosen = self._limit(request), self._sampler(request, encoded, choice)
        job = Job(encoded.tokens, limit, chosen, held)
        started = ir.Started(secrets.token_hex(12), request.model or self.config.name)
        events = generation(self._running(), job, Answer(parser, encoded.plan.forced), started)
        return _warming(events) if request.sampling.max_tokens == 0 else events

    def _limit(self, request: ir.Request) -> int:
        asked = request.sampling.max_tokens
        if asked is None:
            asked = self.config.default_max_tokens or self._engine.context
        return max(1, asked)  # the engine reads a prompt only to say something after it

    def _sampler(self, request: ir.Request, encoded: _Encoded, choice: int) -> Sampler:
        vocabulary = self._engine.vocabulary
        made = sampler(request.sampling, self.config.defaults, choice, vocabulary.size)
        trigger = vocabulary.marks.get(CALL)
        if trigger is not None and not encoded.plan.offered:
            made.logit_bias.setdefault(trigger, NEVER)  # a call that nobody could run
        return made


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
