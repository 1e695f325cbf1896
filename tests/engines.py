"""Engines on the model that ships: started, asked, and left in peace again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from polystack.core import ir
from polystack.core.canon.collect import Collector
from polystack.core.canon.grammar import Grammar
from polystack.core.runtime.plugins import Plugins
from polystack.providers.local.provider import Local

HELLO = "Say hello"
ENDLESS = "Count to 100."  # which this model never stops doing
WEATHER = ir.Tool("get_weather", "The weather", {"properties": {"city": {"type": "string"}}})


@asynccontextmanager
async def running(kind: str, **config: Any) -> AsyncIterator[Local]:
    settings = {"model": "builtin:tiny", "context": 2048} | config
    cls = Plugins().provider(kind)
    provider = cls("tiny", cls.Config.model_validate(settings))
    assert isinstance(provider, Local)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


def ask(text: str, **fields: Any) -> ir.Request:
    return ir.Request("tiny", (ir.Turn("user", (ir.Text(text),), at="messages.0"),), **fields)


async def answer(provider: Local, request: ir.Request, choice: int = 0) -> ir.Response:
    prepared = await provider.prepare(request)
    grammar, collector = Grammar(), Collector()
    async for event in prepared.run(choice):
        grammar.feed(event)
        collector.feed(event)
    return collector.response()


async def text(provider: Local, request: ir.Request, choice: int = 0) -> str:
    return ir.text_of((await answer(provider, request, choice)).parts)


async def settled(provider: Local) -> None:
    async with asyncio.timeout(10):
        while provider.status()["running"] or provider.status()["waiting"]:
            await asyncio.sleep(0.001)
