"""A stack whose model says what it was told, asked in process by several tenants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from polystack.core import ir
from polystack.core.canon.errors import UpstreamError
from polystack.core.contract.provider import ConfigModel, Model, Provider
from polystack.core.runtime.background import Pace
from polystack.core.runtime.call import Call
from polystack.core.runtime.front import Front, body_of
from polystack.core.runtime.stack import Stack

from .telling import DISTRIBUTION, Settings, bare

PAUSE = 0.001  # seconds; nothing here depends on how long it is
SERVED = {"default_model": "echoing", "models": {"echoing": {"provider": "echoing"}}}


class Echoing(Provider):
    """Answers `HOW N` as `HOW` says, and notes under `N` the conversation that it was told.

    Told to `wait`, it says half of its answer, and the rest when the gate of `N` is open.
    """

    type: ClassVar[str] = "echoing"
    Config: ClassVar[ConfigModel] = Settings
    heard: ClassVar[dict[str, list[str]]] = {}
    gates: ClassVar[dict[str, asyncio.Event]] = {}

    async def models(self) -> list[Model]:
        return [Model("echoing", features=frozenset({"tools", "streaming"}))]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        how, _, number = ir.text_of(request.turns[-1].parts).partition(" ")
        told = [_shown(turn.role, part) for turn in request.turns for part in turn.parts]
        yield ir.Started("x", "echoing")
        if how == "fail":
            self.heard[number] = told
            raise UpstreamError("it failed, as it was told to")
        parts: list[ir.Part] = [ir.Text(f"half of {number}")]
        if how == "think":
            parts.insert(0, ir.Reasoning(f"about {number}"))
        if how == "call":
            parts.append(ir.ToolCall(f"call_{number}", "look", "{}"))
        for index, part in enumerate(parts):
            text = part.arguments if isinstance(part, ir.ToolCall) else getattr(part, "text", "")
            yield ir.PartStarted(index, bare(part))
            yield ir.Delta(index, text)
            if how == "wait":
                yield ir.Ping()  # what came before it has been taken
                self.heard[number] = told
                await self.gates.setdefault(number, asyncio.Event()).wait()
                yield ir.Delta(index, " and the rest")
            yield ir.PartEnded(index)
        self.heard[number] = told
        yield ir.Finished(ir.Stop("tool_call" if how == "call" else "end"), ir.Usage(7, 3))


def said(how: str, number: str) -> list[str]:
    """The whole answer to `HOW N`, as items."""
    match how:
        case "think":
            return [f"thought: about {number}", f"assistant: half of {number}"]
        case "call":
            return [f"assistant: half of {number}", f"call: call_{number}"]
        case "wait":
            return [f"assistant: half of {number} and the rest"]
        case _:
            return [f"assistant: half of {number}"]


def _shown(role: str, part: ir.Part) -> str:
    match part:
        case ir.Text():
            return f"{role}: {part.text}"
        case ir.Reasoning():
            return f"thought: {part.text}"
        case ir.ToolCall():
            return f"call: {part.id}"
        case ir.ToolResult():
            return f"result: {part.call_id}"
        case _:
            return type(part).__name__


def shown(item: dict[str, Any]) -> str:
    """An item of a document as the same text."""
    match item["type"]:
        case "message":
            return f"{item['role']}: {''.join(part['text'] for part in item['content'])}"
        case "reasoning":
            return f"thought: {''.join(part['text'] for part in item['content'])}"
        case "function_call":
            return f"call: {item['call_id']}"
        case "function_call_output":
            return f"result: {item['call_id']}"
        case kind:
            return str(kind)


@dataclass(frozen=True)
class Answer:
    status: int
    document: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def refusal(self) -> tuple[int, str | None] | None:
        """Status and code of an error; None for an answer."""
        return None if self.status == 200 else (self.status, self.document["error"]["code"])


@dataclass(frozen=True)
class Echo:
    front: Front
    stack: Stack

    async def ask(
        self, tenant: str, call: str, body: Any = None, *, until: str = "", **query: Any
    ) -> Answer:
        """The whole answer to `METHOD PATH`, or a stream up to the first event of a kind."""
        method, path = call.split()
        match = self.front.match(method, f"/v1/{path}", {})
        assert match.operation is not None, call
        words = "&".join(f"{name}={value}" for name, value in query.items())
        data = b"" if body is None else json.dumps(body).encode()
        asked = Call(data, {}, match.items, words, tenant)
        reply = await self.front.answer(match.api, match.operation, asked)
        if reply.stream is None:
            return Answer(reply.status, json.loads(body_of(reply)), [])
        events = await _read(reply.stream, until)
        return Answer(reply.status, events[-1].get("response", {}) if events else {}, events)


async def _read(stream: Any, until: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        async for chunk in stream:
            lines = [line for line in chunk.decode().split("\n") if line.startswith("data: {")]
            found += [json.loads(line[6:]) for line in lines]
            if until and any(event["type"] == until for event in found):
                return found
    finally:
        await stream.aclose()
    return found


def echoing() -> Stack:
    """The stack, as it is configured; to be run as often as one likes."""
    source = DISTRIBUTION | SERVED | {"providers": {"echoing": {"type": "echoing"}}}
    return Stack.load(source, providers=[Echoing])


@asynccontextmanager
async def running(configured: Stack) -> AsyncIterator[Echo]:
    Echoing.heard.clear()
    Echoing.gates.clear()
    async with Stack(configured.loaded, configured.plugins) as stack:
        stack.background.pace = Pace(sleep=lambda seconds: asyncio.sleep(PAUSE))
        yield Echo(Front(stack), stack)
