"""A stack that keeps answers, on a provider that tells what it was told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import uvicorn
from pydantic import BaseModel

from polystack.core import Stack, ir
from polystack.core.canon.errors import UpstreamError
from polystack.core.contract.provider import ConfigModel, Model, Provider
from polystack.core.faces.server.serve import configured


class Settings(BaseModel):
    pass


class Telling(Provider):
    """Answers with a call or a thought where it is told to, else with the number of its turns.

    Told to wait, it says "so" and the rest when the `gate` is open; `gone` counts those that were
    broken off until then.
    """

    type: ClassVar[str] = "telling"
    Config: ClassVar[ConfigModel] = Settings
    seen: ClassVar[list[ir.Request]] = []
    gate: ClassVar[asyncio.Event]
    gone: ClassVar[int] = 0

    async def models(self) -> list[Model]:
        return [Model("telling", features=frozenset({"tools", "streaming"}))]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.seen.append(request)
        last = request.turns[-1]
        wanted = ir.text_of(last.parts)
        yield ir.Started("x", request.model or "")
        if "wait" in wanted:
            yield ir.PartStarted(0, ir.Text(""))
            yield ir.Delta(0, "so ")
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                Telling.gone += 1
                raise
            yield ir.Delta(0, "it is")
            yield ir.PartEnded(0)
            yield ir.Finished(ir.Stop("end"), ir.Usage(7, 3))
            return
        if "fail" in wanted:
            raise UpstreamError("it failed, as it was told to")
        said = "x" * 50_000 if "much" in wanted else f"turn {len(request.turns)}"
        parts: list[ir.Part] = [ir.Text(said)]
        if "think" in wanted:
            parts.insert(0, ir.Reasoning("I thought about it"))
        if "call" in wanted:
            parts.append(ir.ToolCall("call_1", "weather", '{"city": "Oslo"}'))
        for index, part in enumerate(parts):
            text = part.arguments if isinstance(part, ir.ToolCall) else getattr(part, "text", "")
            yield ir.PartStarted(index, bare(part))
            yield ir.Delta(index, text)
            yield ir.PartEnded(index)
        reason: ir.StopReason = "tool_call" if "call" in wanted else "end"
        yield ir.Finished(ir.Stop(reason), ir.Usage(7, 3))


def bare(part: ir.Part) -> ir.Part:
    """A part as it begins in a stream."""
    match part:
        case ir.ToolCall():
            return ir.ToolCall(part.id, part.name, "")
        case ir.Reasoning():
            return ir.Reasoning("")
        case _:
            return ir.Text("")


# For tests of what no store decides; the others run on each.
ON_ONE_STORE = pytest.mark.one_store

DISTRIBUTION: dict[str, Any] = {
    "version": 1,
    "name": "telling",
    "apis": ["responses", "messages", "chat"],
    "providers": {"telling": {"type": "telling"}},
    "models": {"telling": {"provider": "telling"}},
    "default_model": "telling",
    "store": {"type": "memory"},
}


@asynccontextmanager
async def telling(**changes: Any) -> AsyncIterator[Any]:
    """The stack; `Telling.seen` begins empty, and its gate is shut."""
    Telling.seen.clear()
    Telling.gate, Telling.gone = asyncio.Event(), 0
    async with Stack.load(DISTRIBUTION | changes, providers=[Telling]) as stack:
        yield stack


@asynccontextmanager
async def listened(stack: Stack) -> AsyncIterator[str]:
    """Serve a stack over HTTP in the test's own loop, at this address."""
    server = uvicorn.Server(configured(stack))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def reached(number: int) -> None:
    """Wait until so many requests have reached the provider."""
    async with asyncio.timeout(20):
        while len(Telling.seen) < number:
            await asyncio.sleep(0)


def told() -> list[tuple[str, str]]:
    """Who said what, in the last request that reached the provider."""
    return [(turn.role, _shown(part)) for turn in Telling.seen[-1].turns for part in turn.parts]


def _shown(part: ir.Part) -> str:
    match part:
        case ir.Text() | ir.Reasoning():
            return part.text
        case ir.ToolCall():
            return f"{part.name}({part.arguments})"
        case ir.ToolResult():
            return f"-> {ir.text_of(part.content)}"
        case _:
            return type(part).__name__
