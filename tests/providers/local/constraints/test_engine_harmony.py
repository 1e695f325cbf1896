"""The model that ships, which speaks no harmony, held to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from engines import answer, ask, running, text

from polystack.core import ir
from polystack.providers.local.provider import Local

jsonschema = pytest.importorskip("jsonschema")

pytestmark = pytest.mark.engine

SCHEMA: ir.Object = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["days"],
    "additionalProperties": False,
}
TOOLS = (
    ir.Tool("weather", "Tells it", SCHEMA),
    ir.Tool("pin", kind="custom", grammar=ir.ToolGrammar("regex", "[a-c]{2}[0-9]")),
)
FORMAT = ir.OutputFormat("schema", SCHEMA)


FORMATS = {"tool_format": "harmony", "reasoning_format": "harmony"}


@pytest.fixture(params=["llamacpp", "mlx"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Local]:
    async with running(request.param, slots=4, max_queue=20, **FORMATS) as started:
        yield started


def hot(seed: int) -> ir.Sampling:
    return ir.Sampling(temperature=1.5, seed=seed, max_tokens=200)


async def test_a_required_call_comes_and_is_valid(provider: Local) -> None:
    choice = ir.ToolChoice("required")
    requests = [
        ask("Use a tool", tools=TOOLS, tool_choice=choice, sampling=hot(seed)) for seed in range(8)
    ]
    called = set()
    for each in await asyncio.gather(*(answer(provider, request) for request in requests)):
        (call,) = each.parts
        assert isinstance(call, ir.ToolCall)
        assert each.stop.reason == "tool_call"
        called.add(call.name)
        if call.name == "weather":
            jsonschema.validate(json.loads(call.arguments), SCHEMA)
        else:
            assert len(call.arguments) == 3
    assert called == {"weather", "pin"}


async def test_an_answer_has_its_format_from_its_beginning_or_from_where_the_client_left_it(
    provider: Local,
) -> None:
    asked = ask("How many?", output=FORMAT, sampling=hot(1))
    jsonschema.validate(json.loads(await text(provider, asked)), SCHEMA)
    begun = ir.Turn("assistant", (ir.Text('{"days":'),))
    asked = ir.Request("tiny", (*asked.turns, begun), output=FORMAT, sampling=hot(2))
    jsonschema.validate(json.loads('{"days":' + await text(provider, asked)), SCHEMA)


async def test_a_thought_that_the_template_begins_is_read_as_one() -> None:
    opened = "{{ messages[0].content }}<|start|>assistant<|channel|>analysis<|message|>"
    asked = ask("How many?", output=FORMAT, sampling=hot(3))
    async with running("llamacpp", chat_template=opened, **FORMATS) as provider:
        first, *_ = (await answer(provider, asked)).parts
    assert isinstance(first, ir.Reasoning)


async def test_without_tools_there_are_thoughts_and_text_only(provider: Local) -> None:
    requests = [ask("Say hello", sampling=hot(seed)) for seed in range(8)]
    found = await asyncio.gather(*(answer(provider, request) for request in requests))
    parts = [part for each in found for part in each.parts]
    assert parts
    assert all(isinstance(part, ir.Text | ir.Reasoning) for part in parts)
