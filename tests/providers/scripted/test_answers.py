"""Answers: parts of every kind, raw events, stops, counts and the tool that is called."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from scripting import (
    HI,
    OPAQUE,
    OVERFLOW,
    TOOL,
    answer,
    events,
    provider,
    request,
    text,
)

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import ContextOverflow, InvalidRequest
from polystack.providers.scripted.provider import Scripted, Settings

PARTS: list[tuple[dict[str, Any], ir.Part]] = [
    ({"text": "a b"}, ir.Text("a b")),
    (
        {"text": "Grass", "citations": [{"url": "https://example.org", "end": 5}]},
        ir.Text("Grass", (ir.Citation("url_citation", end=5, url="https://example.org"),)),
    ),
    (
        {"text": "Hi", "logprobs": [HI]},
        ir.Text(
            "Hi",
            logprobs=(ir.TokenLogprob("Hi", -0.5, b"Hi", (ir.TokenLogprob("Ho", -1, b"Ho"),)),),
        ),
    ),
    ({"refusal": ["no", "pe"]}, ir.Refusal("nope")),
    ({"reasoning": "I think"}, ir.Reasoning("I think")),
    (
        {"reasoning": {"text": "a", "summary": ["b", "c"], "signature": "s", "sealed": "d"}},
        ir.Reasoning("a", ("b", "c"), "s", "d"),
    ),
    (
        {"tool_call": {"name": "f", "arguments": {"a": [1, "é"]}}},
        ir.ToolCall("call_scripted_1", "f", '{"a": [1, "é"]}'),
    ),
    (
        {"tool_call": {"name": "f", "arguments": '{"a":1}', "id": "x", "namespace": "n"}},
        ir.ToolCall("x", "f", '{"a":1}', namespace="n"),
    ),
    (
        {"tool_call": {"name": "patch", "arguments": ["*** ", "a\n"], "kind": "custom", "id": "x"}},
        ir.ToolCall("x", "patch", "*** a\n", "custom"),
    ),
    ({"opaque": OPAQUE}, ir.Opaque("responses", "thing", {"type": "thing", "a": 1})),
    ({"json": True}, ir.Text("{}")),
]


@pytest.mark.parametrize(("entry", "part"), PARTS)
@pytest.mark.parametrize("overlap", [False, True])
async def test_a_part_of_every_kind_is_what_the_script_says(
    entry: dict[str, Any], part: ir.Part, overlap: bool
) -> None:
    found = await answer(request(), {"parts": [entry], "overlap": overlap})
    assert found.parts == (part,)


async def test_ids_of_calls_count_up_over_the_answers_of_a_provider() -> None:
    made = await provider({"parts": [{"tool_call": {"name": "f"}}]})
    ids = []
    for _ in range(2):
        prepared = await made.prepare(request())
        for choice in range(2):
            events = [event async for event in prepared.run(choice)]
            (call,) = collect(events).parts
            assert isinstance(call, ir.ToolCall)
            ids.append(call.id)
    assert ids == [f"call_scripted_{number}" for number in (1, 2, 3, 4)]


async def test_a_placeholder_inside_arguments_keeps_them_valid_json() -> None:
    call = {"name": "f", "arguments": {"q": ["{{user}}"]}}
    (part,) = (await answer(request('say "hi"\n'), {"parts": [{"tool_call": call}]})).parts
    assert isinstance(part, ir.ToolCall)
    assert json.loads(part.arguments) == {"q": ['say "hi"\n']}


async def test_a_placeholder_that_the_user_wrote_is_only_text() -> None:
    assert await text(request("{{model}}"), {"parts": [{"text": "{{user}}"}]}) == "{{model}}"


async def test_raw_events_come_in_the_order_of_the_script() -> None:
    script = [
        "ping",
        {"start": 4, "part": {"text": ""}},
        {"start": 2, "part": {"reasoning": "so"}},
        {"delta": 4, "text": "{{user}}"},
        {"opaque": OPAQUE},
        {"annotate": 2, "reasoning": {"signature": "s"}},
        {"end": 2},
        {"annotate": 4, "citation": {"title": "A"}},
        {"delta": 4, "text": "!", "logprobs": [{"token": "!", "logprob": 0}]},
        {"end": 4},
    ]
    opaque = ir.Opaque("responses", "thing", {"type": "thing", "a": 1})
    assert (await events(request(), {"events": script}))[1:-1] == [
        ir.Ping(),
        ir.PartStarted(4, ir.Text("")),
        ir.PartStarted(2, ir.Reasoning()),
        ir.Delta(2, "so"),
        ir.Delta(4, "hi"),
        opaque,
        ir.PartAnnotated(2, ir.Reasoning(signature="s")),
        ir.PartEnded(2),
        ir.PartAnnotated(4, ir.Citation("url_citation", title="A")),
        ir.Delta(4, "!", (ir.TokenLogprob("!", 0, b"!"),)),
        ir.PartEnded(4),
    ]


async def test_raw_events_may_break_off_where_the_answer_fails() -> None:
    script = [{"start": 0, "part": {"tool_call": {"name": "f", "arguments": '{"a":'}}}]
    found = await events(request(), {"events": script, "fail": {"kind": "upstream"}})
    assert [type(event) for event in found[1:]] == [ir.PartStarted, ir.Delta, ir.Failed]


STOPS: list[tuple[dict[str, Any], ir.Stop]] = [
    ({"parts": [{"text": "a"}]}, ir.Stop("end")),
    ({"parts": [{"tool_call": {"name": "f"}}]}, ir.Stop("tool_call")),
    ({"parts": [{"tool_call": {"name": "f", "kind": "server"}}]}, ir.Stop("end")),
    ({"parts": [], "stop": "pause"}, ir.Stop("pause")),
    (
        {"stop": {"reason": "stop_sequence", "sequence": "X", "raw": "eos"}},
        ir.Stop("stop_sequence", "X", "eos"),
    ),
]


@pytest.mark.parametrize(("entry", "stop"), STOPS)
async def test_an_answer_stops_as_told_or_as_its_parts_imply(
    entry: dict[str, Any], stop: ir.Stop
) -> None:
    assert (await answer(request(), entry)).stop == stop


async def test_usage_is_estimated_unless_the_script_counts() -> None:
    guessed = await answer(request("12345678"), {"parts": [{"text": "a b c"}]})
    assert guessed.usage == ir.Usage(input=2, output=3, estimated=True)
    counts: dict[str, Any] = {
        "input": 20,
        "output": 9,
        "cache_read": 8,
        "cache_write": 2,
        "reasoning": 4,
    }
    assert (await answer(request(), {"usage": counts})).usage == ir.Usage(**counts)


async def test_an_answer_that_was_cut_does_not_fail_or_hang() -> None:
    asked = request(sampling=ir.Sampling(max_tokens=1))
    for more in ({"hang": True}, {"fail": {"kind": "upstream"}}):
        found = await answer(asked, {"parts": [{"text": "a b"}], **more})
        assert found.stop == ir.Stop("length")


async def test_an_overflow_tells_its_sizes_before_the_start() -> None:
    with pytest.raises(ContextOverflow) as caught:
        await events(request(), {"error": OVERFLOW})
    assert (caught.value.tokens, caught.value.limit) == (9000, 4096)


async def test_closing_a_paced_answer_takes_effect_at_once() -> None:
    script = {"parts": [{"text": "a b"}], "pace": 60}
    stream = (await (await provider(script)).prepare(request())).run(0)
    await anext(stream)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 1)


LIGHT = ir.Tool("light", schema={"type": "object"})
PATCH = ir.Tool("patch", kind="custom")
SEARCH = ir.Tool("search", kind="server")


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (ir.ToolChoice(), ("light", "{}")),
        (ir.ToolChoice("named", "weather"), ("weather", '{"city": "text"}')),
        (ir.ToolChoice("named", "patch", kind="custom"), ("patch", "text")),
        (ir.ToolChoice("required", allowed=("weather", "patch")), ("weather", '{"city": "text"}')),
    ],
)
async def test_the_offered_tool_is_the_first_function_that_may_be_called(
    choice: ir.ToolChoice, called: tuple[str, str]
) -> None:
    asked = request(tools=(SEARCH, PATCH, LIGHT, TOOL), tool_choice=choice)
    (call,) = (await answer(asked, {"parts": [{"call_offered_tool": True}]})).parts
    assert isinstance(call, ir.ToolCall)
    assert (call.name, call.arguments) == called


async def test_calling_a_tool_that_nobody_offers_is_the_requests_fault() -> None:
    with pytest.raises(InvalidRequest, match="the request offers none"):
        await events(request(tools=(SEARCH,)), {"parts": [{"call_offered_tool": True}]})


async def test_the_demo_thinks_where_the_prompt_says_so() -> None:
    found = await answer(request("Think about it"))
    assert [type(part) for part in found.parts] == [ir.Reasoning, ir.Text]


async def test_the_demo_fails_in_mid_stream_on_demand() -> None:
    found = await events(request("please fail midway"))
    assert [type(event) for event in (found[1], found[-1])] == [ir.PartStarted, ir.Failed]


async def test_models_are_those_of_the_configuration_or_one() -> None:
    (model,) = await (await provider({})).models()
    assert (model.id, model.context_window, model.max_output) == ("scripted", 32_768, 4_096)
    named = Settings.model_validate({"models": [{"id": "a", "context_window": 8}, {"id": "b"}]})
    made = Scripted("demo", named)
    await made.start()
    assert [(m.id, m.context_window) for m in await made.models()] == [("a", 8), ("b", 32_768)]


async def test_nothing_is_lost_since_nothing_is_translated() -> None:
    prepared = await (await provider({})).prepare(request(sampling=ir.Sampling(top_k=3)))
    assert list(prepared.losses) == []
