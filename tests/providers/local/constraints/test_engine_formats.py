"""The model that ships, held to formats that it would never keep to at this temperature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeAlias

import pytest
from engines import answer, ask, running, text
from evals.patches import PATCH

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.llamacpp.native import Context
from polystack.providers.local.provider import Local

jsonschema = pytest.importorskip("jsonschema")

pytestmark = pytest.mark.engine

Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Local]]


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> Start:
    return partial(running, request.param)


APPLY = ir.Tool(
    "apply_patch", "Edit files", kind="custom", grammar=ir.ToolGrammar("lark", PATCH, at="tools.0")
)

WORDS = {"type": "string", "maxLength": 12}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 20},
    {"type": "string", "minLength": 3, "maxLength": 6},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "ipv4"},
    {"type": "integer", "minimum": 10, "maximum": 99},
    {"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 1000},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "boolean"},
    {"type": "null"},
    {"const": {"a": [1, 2, "x"]}},
    {"enum": ["red", "green", 3, None, False]},
    {"type": ["integer", "null"], "minimum": 5, "maximum": 500},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 5},
    {"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "maxItems": 4},
    {"type": "array", "prefixItems": [{"type": "boolean"}, WORDS], "items": False},
    {"type": "array", "items": WORDS, "minItems": 1, "maxItems": 3},
    {"type": "object", "properties": {"a": WORDS}, "additionalProperties": False},
    {
        "type": "object",
        "properties": {"name": WORDS, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"x": {"type": "object", "properties": {"y": {"const": 1}}}},
        "required": ["x"],
        "additionalProperties": False,
    },
    {"anyOf": [{"type": "boolean"}, {"type": "string", "maxLength": 4}]},
    {"oneOf": [{"type": "boolean"}, {"type": "string", "maxLength": 4}]},
    {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 8}]},
    {"$ref": "#/$defs/pin", "$defs": {"pin": {"type": "string", "pattern": "^[0-9]{4}$"}}},
    {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"v": {"enum": [1, 2]}, "next": {"$ref": "#/$defs/tree"}},
                "required": ["v"],
                "additionalProperties": False,
            }
        },
    },
    {"type": "object", "patternProperties": {"^k[0-9]$": {"type": "null"}},
     "additionalProperties": False, "minProperties": 1, "maxProperties": 3},
    {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 2},
    {
        "type": "object",
        "properties": {"kind": {"const": "a"}, "n": {"enum": [1, 2, 3]}},
        "required": ["kind", "n"],
        "unevaluatedProperties": False,
    },
    {"type": "object", "properties": {"é \"quoted\"": {"type": "boolean"}},
     "required": ["é \"quoted\""], "additionalProperties": False},
    {"type": "string", "enum": ["<tool_call>", "</think>", "<|im_end|>"]},
]  # fmt: skip


def hot(seed: int, limit: int = 400) -> ir.Sampling:
    """No token is too unlikely."""
    return ir.Sampling(temperature=1.5, top_p=1.0, top_k=0, min_p=0.0, seed=seed, max_tokens=limit)


def calls(response: ir.Response) -> list[ir.ToolCall]:
    return [part for part in response.parts if isinstance(part, ir.ToolCall)]


async def documents(provider: Local, schema: dict[str, Any], seeds: range) -> list[Any]:
    """What the model said; one that was cut off is not among them."""
    output = ir.OutputFormat("schema", schema, strict=True)
    asked = [ask("Tell me something", output=output, sampling=hot(seed)) for seed in seeds]
    answers = await asyncio.gather(*(answer(provider, each) for each in asked))
    return [json.loads(ir.text_of(a.parts)) for a in answers if a.stop.reason == "end"]


# Answers -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator


async def test_at_any_temperature_every_document_is_valid(engine: Start, validator: Any) -> None:
    assert len(SCHEMAS) >= 30
    async with engine(slots=16, max_queue=200) as provider:
        for schema in SCHEMAS:
            found = await documents(provider, schema, range(4))
            assert found, f"no document at all for {schema}"
            check = validator(schema, format_checker=validator.FORMAT_CHECKER)
            for document in found:
                check.validate(document)


async def test_json_is_an_object(engine: Start) -> None:
    async with engine(slots=8) as provider:
        asked = [
            ask("What is JSON?", output=ir.OutputFormat("json"), sampling=hot(seed, 300))
            for seed in range(16)
        ]
        answers = await asyncio.gather(*(answer(provider, each) for each in asked))
    whole = [each for each in answers if each.stop.reason == "end"]
    assert whole
    for each in whole:
        assert isinstance(json.loads(ir.text_of(each.parts)), dict)


async def test_a_seed_gives_the_same_document_again(engine: Start) -> None:
    output = ir.OutputFormat("schema", SCHEMAS[19])
    asked = [ask("Who are you?", output=output, sampling=hot(seed)) for seed in range(8)]
    async with engine(slots=1) as provider:
        first = [await text(provider, each) for each in asked]
        assert [await text(provider, each) for each in asked] == first
    assert len(set(first)) > 1


async def test_thoughts_stay_free_and_the_document_follows(engine: Start) -> None:
    output = ir.OutputFormat("schema", {"enum": ["yes", "no"]})
    asked = ask(
        "Think. Is 2 + 2 = 4?",
        output=output,
        reasoning=ir.ReasoningConfig(enabled=True),
        sampling=ir.Sampling(max_tokens=200),
    )
    async with engine() as provider:
        found = await answer(provider, asked)
    assert any(isinstance(part, ir.Reasoning) and part.text for part in found.parts)
    assert json.loads(ir.text_of(found.parts[-1:])) in ("yes", "no")


async def test_log_probabilities_are_the_models_own(engine: Start) -> None:
    output = ir.OutputFormat("schema", {"const": "zq"})
    sampling = ir.Sampling(temperature=0, logprobs=True, top_logprobs=1)
    async with engine() as provider:
        found = await answer(provider, ask("Say hello", output=output, sampling=sampling))
    (part,) = found.parts
    assert isinstance(part, ir.Text)
    assert part.text == '"zq"'
    first = part.logprobs[0]
    assert first.token != first.top[0].token
    assert first.logprob < first.top[0].logprob


async def test_tokens_that_can_only_follow_are_decoded_in_one_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0

    def counted(self: Context, spans: Any) -> Any:
        nonlocal steps
        steps += 1
        return decode(self, spans)

    decode = Context.decode
    monkeypatch.setattr(Context, "decode", counted)
    output = ir.OutputFormat("schema", {"const": "it can be nothing but this long text"})
    async with running("llamacpp") as provider:
        found = await answer(provider, ask("hi", output=output))
        sampling = ir.Sampling(logprobs=True)
        one_by_one = await answer(provider, ask("hi", output=output, sampling=sampling))
        short = await answer(provider, ask("hi", output=output, sampling=ir.Sampling(max_tokens=5)))
    assert found.usage is not None
    assert short.usage is not None
    assert ir.text_of(found.parts) == ir.text_of(one_by_one.parts)
    assert steps < 2 * found.usage.output
    assert (short.usage.output, short.stop.reason) == (5, "length")


# Tools -------------------------------------------------------------------------------------------


async def test_calls_name_offered_tools_and_their_arguments_are_valid(
    engine: Start, validator: Any
) -> None:
    tools = tuple(
        ir.Tool(
            f"tool_{number}", "Does it", {"properties": {"value": schema}, "required": ["value"]}
        )
        for number, schema in enumerate(SCHEMAS[6:16])
    )
    choice = ir.ToolChoice("required", parallel=False)
    asked = [
        ask("Use a tool", tools=tools, tool_choice=choice, sampling=hot(seed)) for seed in range(32)
    ]
    async with engine(slots=16, max_queue=100, context=4096) as provider:
        answers = await asyncio.gather(*(answer(provider, each) for each in asked))
    whole = [each for each in answers if each.stop.reason != "length"]
    assert len(whole) >= 0.8 * len(asked)
    by_name = {tool.name: tool for tool in tools}
    for each in whole:
        (call,) = calls(each)
        validator(by_name[call.name].schema).validate(json.loads(call.arguments))
    assert len({call.name for each in whole for call in calls(each)}) > 1


async def test_an_argument_has_the_name_that_the_tool_gives_it(engine: Start) -> None:
    tool = ir.Tool(
        "get_weather", "The weather", {"properties": {"whereabouts": {"type": "string"}}}
    )
    asked = ask("What is the weather in Paris?", tools=(tool,))
    async with engine() as provider:
        (call,) = calls(await answer(provider, asked))
    assert json.loads(call.arguments).keys() <= {"whereabouts"}


# Refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param", "why"),
    [
        (
            {"output": ir.OutputFormat("schema", {"not": {}}, at="text.format")},
            "text.format",
            "not",
        ),
        (
            {"tools": (ir.Tool("t", None, {"not": {}}, strict=True, at="tools.0"),)},
            "tools.0",
            "strict",
        ),
        (
            {"tools": (ir.Tool("t", kind="custom", grammar=ir.ToolGrammar("lark", "x", at="g")),)},
            "g",
            "the lark grammar of the tool 't'",
        ),
    ],
)
async def test_what_cannot_be_enforced_is_refused_before_it_runs(
    engine: Start, fields: dict[str, Any], param: str, why: str
) -> None:
    async with engine() as provider:
        with pytest.raises(InvalidRequest, match=why) as caught:
            await provider.prepare(ask("hi", **fields))
        assert caught.value.param == param
        assert await text(provider, ask("Say hello")) == "Hello! How can I help you today?"


async def test_what_is_enforced_is_not_in_the_ledger(engine: Start) -> None:
    request = ask(
        "hi",
        tools=(APPLY, ir.Tool("t", None, {"properties": {"a": {}}}, strict=True)),
        tool_choice=ir.ToolChoice("required"),
        output=ir.OutputFormat("schema", {"type": "object"}),
    )
    async with engine() as provider:
        losses = (await provider.prepare(request)).losses
    assert [loss for loss in losses if loss.verdict != "mapped"] == []
