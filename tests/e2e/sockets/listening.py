"""A stack that listens in the test's own loop, so that a test sees what its provider was asked."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import uvicorn
from judging import judge
from openai import AsyncOpenAI
from openai.types.responses import ResponsesServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from polystack.core import ir
from polystack.core.faces.server.serve import configured
from polystack.core.runtime.stack import Stack

from ..state.telling import DISTRIBUTION, Telling

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponsesServerEvent)
LISTEN = ["responses", "messages"]


class Waiting(Telling):
    """Tells how many turns it was told; where asked to, goes on until nobody listens."""

    type: ClassVar[str] = "telling"
    running: ClassVar[int] = 0
    changed: ClassVar[asyncio.Event]
    go: ClassVar[asyncio.Event]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        wanted = ir.text_of(request.turns[-1].parts)
        if wanted not in ("wait", "flood"):
            async for event in super().generate(request):
                yield event
            return
        self._count(+1)
        try:
            yield ir.Started("x", "telling")
            yield ir.PartStarted(0, ir.Text(""))
            yield ir.Delta(0, "waited")
            while wanted == "flood":
                yield ir.Delta(0, "flood " * 2000)
                await asyncio.sleep(0)
            await self.go.wait()
            yield ir.PartEnded(0)
            yield ir.Finished(ir.Stop("end"), ir.Usage(7, 3))
        finally:
            self._count(-1)

    @classmethod
    def _count(cls, change: int) -> None:
        cls.running += change
        cls.changed.set()

    @classmethod
    async def until(cls, running: int) -> None:
        """Wait until so many answers are being made."""
        async with asyncio.timeout(20):
            while cls.running != running:
                cls.changed.clear()
                await cls.changed.wait()


class Listening:
    def __init__(self, address: str, server: uvicorn.Server) -> None:
        self.address = address
        self.server = server

    def client(self, key: str = "k") -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"http://{self.address}/v1", api_key=key, max_retries=0)

    def open(self, path: str = "/v1/responses", **more: Any) -> connect:
        return connect(f"ws://{self.address}{path}", proxy=None, **more)


@asynccontextmanager
async def listening(
    server: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Listening]:
    Telling.seen.clear()
    Waiting.running, Waiting.changed, Waiting.go = 0, asyncio.Event(), asyncio.Event()
    source = DISTRIBUTION | {"apis": LISTEN, "server": server or {}} | changes
    async with Stack.load(source, providers=[Waiting]) as stack:
        running = uvicorn.Server(configured(stack))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serving = asyncio.create_task(running.serve([listener]))
            try:
                yield Listening(f"127.0.0.1:{listener.getsockname()[1]}", running)
            finally:
                running.should_exit = True
                await serving


async def say(connection: ClientConnection, text: Any, **more: Any) -> None:
    message = {"type": "response.create", "model": "telling", "input": text, **more}
    await connection.send(json.dumps(message))


async def heard(connection: ClientConnection) -> dict[str, Any]:
    """The next message, which is one that the SDK's types allow."""
    async with asyncio.timeout(20):
        message: dict[str, Any] = json.loads(await connection.recv())
    EVENTS.validate_python(message)
    judge(message)
    return message


ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


async def ended(connection: ClientConnection) -> list[dict[str, Any]]:
    """All messages up to the end of an answer."""
    messages = [await heard(connection)]
    while messages[-1]["type"] not in ENDS:
        messages.append(await heard(connection))
    return messages


async def answered(connection: ClientConnection, text: Any, **more: Any) -> dict[str, Any]:
    """The response that a message is answered with."""
    await say(connection, text, **more)
    response: dict[str, Any] = (await ended(connection))[-1]["response"]
    return response


async def refused(connection: ClientConnection, message: Any) -> dict[str, Any]:
    """The error that a message is answered with."""
    await connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return await heard(connection)
