"""Requests as Ollama's clients write them, and as an upstream is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ollama._types import ChatRequest, GenerateRequest

from polystack.apis.ollama.api import Ollama
from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest, NotSupported

API = Ollama()
PNG = "iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def said(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), "stream": False, **more}


HI = {"role": "user", "content": "hi"}
CHATS: dict[str, dict[str, Any]] = {
    "text": said(HI),
    "streamed": said(HI) | {"stream": True},
    "system": said({"role": "system", "content": "Be short."}, HI),
    "options": said(
        HI,
        options={
            "num_predict": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.1,
            "seed": 3,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "stop": ["a", "b"],
            "repeat_penalty": 1.1,
            "num_gpu": 3,
        },
    ),
    "keep_alive": said(HI, keep_alive="5m"),
    "image": said({"role": "user", "content": "what?", "images": [PNG]}),
    "json": said(HI, format="json"),
    "schema": said(HI, format={"type": "object", "properties": {"a": {"type": "string"}}}),
    "thinking": said(HI, think=True),
    "no_thinking": said(HI, think=False),
    "effort": said(HI, think="high"),
    "most_effort": said(HI, think="max"),
    "logprobs": said(HI, logprobs=True, top_logprobs=2),
    "tools": said(HI, tools=[WEATHER]),
    "tool_round_trip": said(
        HI,
        {
            "role": "assistant",
            "thinking": "hm",
            "content": "Let me look.",
            "tool_calls": [
                {"function": {"name": "get_weather", "arguments": {"city": "Köln", "n": 1.5}}},
                {"function": {"name": "get_weather", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "sunny", "tool_name": "get_weather"},
        {"role": "tool", "content": "rainy", "tool_name": "get_weather"},
        tools=[WEATHER],
    ),
    "identified_calls": said(
        HI,
        {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f"}}]},
        {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c1"},
    ),
    "unknown": said(HI | {"mood": "good"}, truncate=True),
}
CHATS["identified_calls"]["messages"][1]["tool_calls"][0]["function"]["arguments"] = {}
PROMPTS: dict[str, dict[str, Any]] = {
    "prompt": {"model": "m", "prompt": "hi", "stream": False},
    "everything": {
        "model": "m",
        "prompt": "hi",
        "system": "Be short.",
        "images": [PNG],
        "format": "json",
        "options": {"num_predict": 5},
        "think": True,
        "stream": True,
    },
}


@pytest.mark.parametrize("case", CHATS)
def test_a_chat_comes_back_from_its_decoded_form_as_it_was(case: str) -> None:
    document = CHATS[case]
    decoded = API.decode(document)
    encoded, losses = API.encode(decoded, "m")
    assert encoded == document
    assert list(losses) == []
    assert API.decode(encoded) == decoded


@pytest.mark.parametrize("case", PROMPTS)
def test_a_prompt_comes_back_from_its_decoded_form_as_it_was(case: str) -> None:
    document = PROMPTS[case]
    decoded = API.decode(document, "generate")
    encoded, losses = API.encode(decoded, "m")
    assert encoded == document
    assert list(losses) == []
    assert API.decode(encoded, "generate") == decoded


@pytest.mark.parametrize("case", CHATS)
def test_the_cases_are_what_the_package_sends(case: str) -> None:
    assert ChatRequest.model_validate(CHATS[case]).model == "m"


@pytest.mark.parametrize("case", PROMPTS)
def test_the_prompts_are_what_the_package_sends(case: str) -> None:
    images = [{"value": image} for image in PROMPTS[case].get("images", [])]
    sent = GenerateRequest.model_validate(PROMPTS[case] | {"images": images})
    assert sent.model_dump(exclude_unset=True)["images"] == PROMPTS[case].get("images", [])


def test_who_says_nothing_gets_a_stream() -> None:
    assert API.decode({"model": "m", "messages": [HI]}).stream is True
    assert API.decode({"model": "m", "prompt": "hi"}, "generate").stream is True


def test_a_limit_below_zero_is_none() -> None:
    assert API.decode(said(HI, options={"num_predict": -1})).sampling.max_tokens is None


def test_images_say_what_they_are() -> None:
    (turn,) = API.decode(CHATS["image"]).turns
    assert [(p.media_type, p.data) for p in turn.parts if isinstance(p, ir.Media)] == [
        ("image/png", PNG)
    ]


def test_a_result_without_an_identifier_answers_the_first_call_that_waits() -> None:
    request = API.decode(CHATS["tool_round_trip"])
    calls = [part.id for part in request.turns[1].parts if isinstance(part, ir.ToolCall)]
    results = [
        part.call_id
        for turn in request.turns[2:]
        for part in turn.parts
        if isinstance(part, ir.ToolResult)
    ]
    assert results == calls
    assert len(set(calls)) == 2


def test_results_are_told_apart_by_their_names() -> None:
    calls: list[Any] = [{"function": {"name": name, "arguments": {}}} for name in ("a", "b")]
    request = API.decode(
        said(
            HI,
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "content": "of b", "tool_name": "b"},
            {"role": "tool", "content": "of a", "tool_name": "a"},
        )
    )
    results = [p for t in request.turns for p in t.parts if isinstance(p, ir.ToolResult)]
    assert [(r.call_id, ir.text_of(r.content)) for r in results] == [
        ("call_1_1", "of b"),
        ("call_1_0", "of a"),
    ]


def test_options_of_loading_are_no_loss_to_another_protocol_and_others_are() -> None:
    from polystack.apis.chat.api import Chat

    asked = said(HI, options={"num_gpu": 3, "numa": True, "repeat_penalty": 1.1, "num_ctx": 4096})
    _, losses = Chat().encode(API.decode(asked), "m")
    assert {loss.path for loss in losses} == {"options.repeat_penalty", "options.num_ctx"}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "the request body must be a JSON object"),
        ({"messages": [HI]}, "model: field required"),
        ({"model": "", "messages": [HI]}, "model: "),
        ({"model": "m"}, "messages: at least one message is required"),
        (said({"role": "robot", "content": "x"}), "messages.0.role: "),
        (said({"role": "user", "content": 3}), "messages.0.content: "),
        (said(HI, options={"temperature": "hot"}), "options.temperature: "),
        (said(HI, options={"top_p": 3}), "options.top_p: "),
        (said(HI, format="xml"), "format: "),
        (said(HI, think=3), "think: "),
        (said(HI, think="banana"), "think: must be true, false or one of low, "),
        (said(HI | {"images": ["data:image/png;base64," + PNG]}), "messages.0.images.0: no image"),
        (said(HI | {"images": [PNG, "AAAA"]}), "messages.0.images.1: no image that is known"),
        (said(HI | {"images": [PNG + "!"]}), "messages.0.images.0: its base64 is broken"),
        (said(HI, stream="yes"), "stream: "),
        (said(HI, top_logprobs=2), "top_logprobs: needs logprobs: true"),
        (said(HI, tools=[{"type": "function"}]), "tools.0.function: field required"),
        (
            said({"role": "tool", "content": "x", "tool_name": "f"}),
            "messages.0.tool_name: no call of 'f' waits for an answer here",
        ),
    ],
)
def test_what_is_no_request_is_refused_by_name(document: Any, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        API.decode(document)
    assert problem in caught.value.message


@pytest.mark.parametrize("field", ["suffix", "template", "context", "raw"])
def test_prompts_that_are_no_conversation_are_refused_by_name(field: str) -> None:
    value: Any = {"suffix": "x", "template": "x", "context": [1], "raw": True}[field]
    with pytest.raises(NotSupported, match=f"{field}: "):
        API.decode({"model": "m", "prompt": "x", field: value}, "generate")


def test_what_this_protocol_cannot_say_is_in_the_ledger() -> None:
    request = ir.Request(
        "m",
        (
            ir.Turn("developer", (ir.Text("Be short."),), at="messages.0"),
            ir.Turn(
                "user",
                (
                    ir.Media("image", url="http://example.org/a.png", at="messages.1.content.0"),
                    ir.ToolResult("c", (ir.Text("no"),), is_error=True, at="messages.1.content.1"),
                ),
                name="ann",
                at="messages.1",
            ),
        ),
        tools=(ir.Tool("search", kind="server", type="web_search"),),
        tool_choice=ir.ToolChoice("required", parallel=False, at="tool_choice"),
        sampling=ir.Sampling(logit_bias={1: 2.0}),
        reasoning=ir.ReasoningConfig(effort="minimal", budget=9, summary="auto"),
        output=ir.OutputFormat("grammar", verbosity="low"),
        metadata={"a": "b"},
        user="ann",
        origin="chat",
    )
    document, losses = API.encode(request, "up")
    assert document == {
        "model": "up",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "tool", "content": "no", "tool_call_id": "c"},
            {"role": "user", "content": ""},
        ],
        "think": "low",
        "stream": False,
    }
    assert {(loss.path, loss.verdict) for loss in losses} == {
        ("messages.1.name", "dropped"),
        ("messages.1.content.0", "dropped"),
        ("messages.1.content.1.is_error", "dropped"),
        ("tools.search", "dropped"),
        ("tool_choice", "dropped"),
        ("parallel_tool_calls", "dropped"),
        ("logit_bias", "dropped"),
        ("reasoning.effort", "approximated"),
        ("reasoning.budget_tokens", "dropped"),
        ("reasoning.summary", "dropped"),
        ("verbosity", "dropped"),
        ("format", "dropped"),
        ("metadata", "dropped"),
        ("user", "dropped"),
    }
