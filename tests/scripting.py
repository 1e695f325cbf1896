"""Scripts as the tests of the scripted provider play them."""

from __future__ import annotations

from typing import Any

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar
from polystack.providers.scripted.provider import Scripted, Settings

TOOL = ir.Tool("weather", schema={"type": "object", "properties": {"city": {"type": "string"}}})


def request(text: str = "hi", **fields: Any) -> ir.Request:
    return ir.Request("scripted", (ir.Turn("user", (ir.Text(text),)),), **fields)


async def provider(*answers: dict[str, Any]) -> Scripted:
    made = Scripted("demo", Settings.model_validate({"answers": list(answers)} if answers else {}))
    await made.start()
    return made


async def events(asked: ir.Request, *answers: dict[str, Any]) -> list[ir.Event]:
    prepared = await (await provider(*answers)).prepare(asked)
    grammar, found = Grammar(), []
    async for event in prepared.run(0):
        grammar.feed(event)
        found.append(event)
    return found


async def answer(asked: ir.Request, *answers: dict[str, Any]) -> ir.Response:
    return collect(await events(asked, *answers))


async def text(asked: ir.Request, *answers: dict[str, Any]) -> str:
    return ir.text_of((await answer(asked, *answers)).parts)


ASKED = ir.Turn("user", (ir.Text("hi"),))
SAID = ir.Turn("assistant", (ir.Text("hello"),))
OVERFLOW = {"context_overflow": {"tokens": 9000, "limit": 4096}}
OPAQUE = {"protocol": "responses", "type": "thing", "data": {"type": "thing", "a": 1}}
HI = {"token": "Hi", "logprob": -0.5, "top": [{"token": "Ho", "logprob": -1}]}
RESULT = ir.Turn("user", (ir.ToolResult("c", (ir.Text("sunny"),)),))
IMAGE = ir.Turn("user", (ir.Media("image", data="AAAA"), ir.Text("hi")))
