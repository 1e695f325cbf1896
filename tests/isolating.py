"""A provider that plays what a prompt says, in a process of its own or not: no engine is needed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, SecretStr

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import ConfigError, InvalidRequest, RateLimited
from polystack.core.contract.losses import Loss
from polystack.core.contract.provider import ConfigModel, Model, Prepared, Provider, TokenCount
from polystack.providers.local.isolation.standing import StandIn, stand_in
from polystack.providers.local.provider import Local
from polystack.providers.local.residency import Residency, Rules


class Settings(BaseModel):
    slots: int = 8
    isolate: Literal["none", "process"] = "none"
    max_restarts: int = 5
    key: SecretStr = SecretStr("")
    starting: str = ""  # what happens at the start, or the path of what is needed for it

    @property
    def rules(self) -> Rules:
        return Rules()


class Playing(Provider):
    type: ClassVar[str] = "playing"
    Config: ClassVar[ConfigModel] = Settings
    config: Settings
    residency: Residency[Any] | None = None

    def __init__(self, name: str, config: Settings) -> None:
        super().__init__(name, config)
        self.running = 0
        self.made = 0  # events, by all streams
        if config.isolate == "process":
            self.residency = stand_in(cast("Local", self))

    async def start(self) -> None:
        if self.residency is not None:
            self.residency.open()
            await self.residency.arrived()
            return
        match self.config.starting:
            case "refuse":
                raise ConfigError("there is no such file; set `model`")
            case "die":
                print("out of luck", flush=True)
                os._exit(3)
            case path if is_missing(path):
                raise ConfigError(f"{path}: there is no such file")

    async def stop(self) -> None:
        if self.residency is not None:
            await self.residency.close()
        elif self.config.starting == "stay":
            await asyncio.Event().wait()

    def status(self) -> Mapping[str, int]:
        return {
            "slots": self.config.slots,
            "running": self.running,
            "waiting": 0,
            "made": self.made,
        }

    async def models(self) -> Sequence[Model]:
        return [Model("playing", 4096)]

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        await self._told(said(request))
        if said(request) == "made":
            return TokenCount(self.made)
        return TokenCount(len(self.config.key.get_secret_value()))

    async def embed(self, request: ir.EmbeddingRequest) -> ir.Embeddings:
        return ir.Embeddings(tuple((len(text) / 2, 1.0) for text in request.inputs), ir.Usage(3))

    async def prepare(self, request: ir.Request) -> Prepared:
        await self._told(said(request))
        losses = (Loss("tools.0", "dropped", "nothing has a use for it"),)
        return Prepared(lambda choice: self._run(said(request), choice), losses)

    async def _told(self, words: str) -> None:
        match words:
            case "refuse":
                raise InvalidRequest("no", param="messages.0")
            case "break":
                raise ValueError("a bug")
            case "die at once":
                die()
            case "exit":
                os._exit(7)
            case "never":
                await asyncio.Event().wait()

    async def _run(self, words: str, choice: int) -> AsyncIterator[ir.Event]:
        self.running += 1
        try:
            if words == "die first":
                die()
            if words == "refuse to run":
                raise RateLimited("later", retry_after=2.5)
            yield ir.Started(f"id-{choice}", "playing")
            if words == "die":
                die()
            yield ir.PartStarted(0, ir.Text(""))
            await self._still(words)
            for number in range(int(words) if words.isdecimal() else 1):
                self.made += 1
                yield ir.Delta(0, f"{number} ")
            yield ir.PartEnded(0)
            yield ir.Finished(ir.Stop("end"))
        finally:
            self.running -= 1

    async def _still(self, words: str) -> None:
        if words == "wait":
            await asyncio.Event().wait()


def is_missing(path: str) -> bool:
    return path.startswith("/") and not os.path.exists(path)


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def said(request: ir.Request) -> str:
    return ir.text_of(request.turns[-1].parts)


@asynccontextmanager
async def playing(**config: Any) -> AsyncIterator[Playing]:
    provider = Playing("play", Settings(**{"isolate": "process"} | config))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


def ask(words: str) -> ir.Request:
    return ir.Request("playing", (ir.Turn("user", (ir.Text(words),)),))


async def stream(provider: Provider, words: str) -> AsyncGenerator[ir.Event]:
    return cast("AsyncGenerator[ir.Event]", (await provider.prepare(ask(words))).run(0))


async def whole(events: AsyncIterator[ir.Event]) -> ir.Response:
    return collect([event async for event in events])


async def answer(provider: Provider, words: str) -> str:
    return ir.text_of((await whole(await stream(provider, words))).parts)


def pid(provider: Any) -> int:
    """The process of a provider that stands in for it."""
    supervisor = standing(provider).residency.here
    assert supervisor is not None
    assert supervisor._life is not None
    return supervisor._life.process.pid


def standing(provider: Any) -> StandIn:
    found: StandIn = provider.prepare.__self__
    return found


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
