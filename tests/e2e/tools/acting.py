"""A stack whose model says what a test tells it to, round by round, and tools that run there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from pydantic import BaseModel

from polystack.core import Stack, ir
from polystack.core.canon.collect import play
from polystack.core.canon.errors import InvalidRequest, Overloaded
from polystack.core.contract.executor import ConfigModel, Executor, Outcome
from polystack.core.contract.provider import Model, Provider


class Settings(BaseModel):
    pass


class Acting(Provider):
    """Answers with the parts of the next round; the last round is said again and again."""

    type: ClassVar[str] = "acting"
    Config: ClassVar[ConfigModel] = Settings
    rounds: ClassVar[list[list[ir.Part]]] = []
    seen: ClassVar[list[ir.Request]] = []

    async def models(self) -> list[Model]:
        return [Model("acting", features=frozenset({"tools", "streaming"}))]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.seen.append(request)
        parts = self.rounds[min(len(self.seen), len(self.rounds)) - 1]
        called = any(isinstance(part, ir.ToolCall) for part in parts)
        stop = ir.Stop("tool_call" if called else "end")
        for event in play(ir.Response("x", "acting", tuple(parts), stop, ir.Usage(10, 5))):
            yield event


class Desk(Executor):
    """Adds numbers, echoes words, fails when asked to, and can be made to wait."""

    type: ClassVar[str] = "desk"
    Config: ClassVar[ConfigModel] = Settings
    calls: ClassVar[list[tuple[str, str]]] = []
    gone: ClassVar[list[str]] = []
    waiting: ClassVar[asyncio.Event | None] = None

    def serves(self, tool: ir.Tool) -> bool:
        return tool.type in ("mcp", "mcp_toolset", "desk")

    async def tools(self, request: ir.Request, tool: ir.Tool) -> Sequence[ir.Tool]:
        label = tool.server.label if tool.server else ""
        if label == "forbidden":
            raise InvalidRequest("tools.0.server_url: not here", param="tools.0.server_url")
        if label == "away":
            raise Overloaded("nobody answers")
        return [ir.Tool(name, f"to {name}", {"type": "object"}) for name in NAMES]

    async def call(self, request: ir.Request, tool: ir.Tool, name: str, arguments: str) -> Outcome:
        self.calls.append((name, arguments))
        given = json.loads(arguments)
        match name:
            case "add":
                return Outcome((ir.Text(str(given["a"] + given["b"])),))
            case "echo":
                return Outcome((ir.Text(given["text"]),))
            case "wait":
                return await self._wait()
            case _:
                raise ZeroDivisionError("secret detail")

    async def _wait(self) -> Outcome:
        try:
            assert self.waiting is not None
            await self.waiting.wait()
        except asyncio.CancelledError:
            self.gone.append("cancelled")
            raise
        return Outcome((ir.Text("waited"),))


NAMES = ("add", "echo", "wait", "break")

DISTRIBUTION: dict[str, Any] = {
    "version": 1,
    "name": "acting",
    "apis": ["responses", "messages", "chat", "ollama"],
    "providers": {"acting": {"type": "acting"}},
    "executors": {"desk": {"type": "desk"}},
    "models": {"acting": {"provider": "acting"}},
    "default_model": "acting",
}


@asynccontextmanager
async def acting(*rounds: Sequence[ir.Part], **changes: Any) -> AsyncIterator[Any]:
    """The stack, with what its model will say."""
    Acting.seen.clear()
    Desk.calls.clear()
    Desk.gone.clear()
    Acting.rounds = [list(parts) for parts in rounds]
    given = DISTRIBUTION | changes
    async with Stack.load(given, providers=[Acting], executors=[Desk]) as stack:
        yield stack


def calling(name: str, id: str = "call_1", /, **arguments: Any) -> ir.ToolCall:
    return ir.ToolCall(id, name, json.dumps(arguments))


def asking(*tools: ir.Tool, **more: Any) -> ir.Request:
    turns = (ir.Turn("user", (ir.Text("go"),)),)
    return ir.Request("acting", turns, tools=tools or (desk(),), **more)


def desk(label: str = "desk", **more: Any) -> ir.Tool:
    server = ir.ToolServer(label, **more)
    return ir.Tool("mcp", kind="server", type="mcp", server=server)


SAY_DONE: list[ir.Part] = [ir.Text("done")]
