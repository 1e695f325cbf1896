"""A model in memory: its engine with its thread, and what is made of its vocabulary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from ...core.canon.errors import Overloaded
from .constraints.enforcing import Enforcer
from .formats.detection import Formats
from .guarding import Guard
from .images import Eyes
from .meter import Meter
from .worker import Engine, Worker

if TYPE_CHECKING:
    from .template import ChatTemplate

T = TypeVar("T")


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


class Resident:
    """From `start`, which loads the engine, to `stop`, which frees all of it."""

    template: ChatTemplate
    guard: Guard
    enforcer: Enforcer | None = None

    def __init__(
        self, name: str, engine: TextEngine, capacity: int, meter: Meter | None = None
    ) -> None:
        self.name = name
        self.engine = engine
        self.worker = Worker(name, engine, capacity, meter)
        self._pool: ThreadPoolExecutor | None = None

    async def start(
        self,
        template: Callable[[Mapping[str, str]], ChatTemplate] | None,
        formats: Formats,
        held: bool,
    ) -> None:
        """`template` is made with the texts of special tokens; `held` wants an enforcer.

        A model that does not talk has neither.
        """
        await self.worker.start()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix=f"prompts {self.name}")
        vocabulary = self.engine.vocabulary
        if template is None:
            return
        try:
            self.template = await self.aside(lambda: template(vocabulary.special_texts))
            self.guard = await self.aside(lambda: Guard(vocabulary.specials(), formats.marks))
            if held and Enforcer.available():
                self.enforcer = Enforcer(vocabulary, formats.tools.name)
        except BaseException:
            await self.stop()
            raise

    @property
    def eyes(self) -> Eyes | None:
        """What reads images; most engines read text only."""
        return getattr(self.engine, "eyes", None)

    async def stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            # Tokenizers use the model: they have to be through before it goes.
            await asyncio.to_thread(pool.shutdown)
        await self.worker.stop()

    @property
    def works(self) -> bool:
        """Not after its engine broke; it has let go of everything then."""
        return not self.worker.broken

    async def aside(self, work: Callable[[], T]) -> T:
        """Run what takes a while on another thread than the loop's or the engine's."""
        if self._pool is None:
            raise Overloaded(f"{self.name} is not running", retry_after=5)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
