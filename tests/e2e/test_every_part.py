"""Scripted parts of every kind, through the official SDKs, each protocol in every way to ask.

What the answers of `parts.yaml` must look like was written by hand. The openai SDK's helpers raise
for some answers, whatever the server does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

import openai
import pytest
from anthropic import Anthropic
from asking import Api, Clients, Mode

UNHELPFUL: dict[Api, dict[str, type[Exception]]] = {
    "messages": {},
    "responses": {"length": RuntimeError, "filter": RuntimeError},
    "chat": {
        "length": openai.LengthFinishReasonError,
        "filter": openai.ContentFilterFinishReasonError,
        "custom": AttributeError,  # it knows no custom calls
    },
}


def helpful(api: Api, kinds: Iterable[str]) -> list[tuple[str, Mode]]:
    """Every kind in every way to ask that can show it."""
    return [
        (kind, mode)
        for kind in kinds
        for mode in get_args(Mode)
        if "helper" not in mode or kind not in UNHELPFUL[api]
    ]


Shown = list[dict[str, Any]]


def shown_of(node: Any, *fields: str) -> dict[str, Any]:
    return {name: getattr(node, name) for name in fields}


# Messages ----------------------------------------------------------------------------------------

MESSAGES: dict[str, tuple[str, Shown]] = {
    "plain": ("end_turn", [{"text": "Hello é😀"}]),
    "two texts": ("end_turn", [{"text": "first"}, {"text": "second"}]),
    "reasoning": (
        "end_turn",
        [{"thinking": "Let me think.", "signature": "c2ln"}, {"text": "Done."}],
    ),
    "summary": (
        "end_turn",
        [{"thinking": "Short\n\nShorter", "signature": ""}, {"text": "Done."}],
    ),
    "sealed": ("end_turn", [{"data": "c2VhbGVk"}, {"text": "Done."}]),
    "refusal": ("refusal", [{"text": "I will not."}]),
    "calls": (
        "tool_use",
        [
            {"text": "I look."},
            {"id": "call_a", "name": "weather", "input": {"city": "Paris"}},
            {"id": "call_b", "name": "light", "input": {}},
        ],
    ),
    "custom": ("tool_use", [{"id": "call_c", "name": "patch", "input": {"input": "*** a\nb"}}]),
    "namespace": ("tool_use", [{"id": "call_n", "name": "home__light", "input": {}}]),
    "citation": ("end_turn", [{"text": "Grass is green."}]),
    "logprobs": ("end_turn", [{"text": "Hi"}]),
    "opaque item": ("end_turn", [{"text": "Done."}]),
    "opaque block": ("end_turn", [{"file_id": "file_1"}, {"text": "Done."}]),
    "empty": ("end_turn", []),
    "length": ("max_tokens", [{"text": "cut"}]),
    "sequence": ("stop_sequence", [{"text": "a "}]),
    "filter": ("refusal", [{"text": "hm"}]),
    "interleaved": (
        "tool_use",
        [
            {"thinking": "first", "signature": ""},
            {"id": "call_1", "name": "weather", "input": {}},
            {"thinking": "second", "signature": ""},
            {"text": "last"},
        ],
    ),
    "events": (
        "tool_use",
        [{"text": "one two"}, {"id": "call_e", "name": "weather", "input": {"a": 1}}],
    ),
}
BLOCK_FIELDS = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "container_upload": ("file_id",),
}


@pytest.mark.parametrize(("kind", "mode"), helpful("messages", MESSAGES))
async def test_messages(clients: Clients, kind: str, mode: Mode) -> None:
    message = await clients.ask("messages", mode, kind)
    blocks = [shown_of(block, *BLOCK_FIELDS[block.type]) for block in message.content]
    assert (message.stop_reason, blocks) == MESSAGES[kind]
    assert message.stop_sequence == ("END" if kind == "sequence" else None)
    if kind == "reasoning":
        usage = message.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (12, 8)
        assert usage.output_tokens == 9
    if kind == "citation":
        assert [citation.cited_text for citation in message.content[0].citations] == ["Grass"]


# Responses ---------------------------------------------------------------------------------------

RESPONSES: dict[str, tuple[str, Shown]] = {
    "plain": ("completed", [{"text": "Hello é😀"}]),
    "two texts": ("completed", [{"text": "first"}, {"text": "second"}]),
    "reasoning": ("completed", [{"thought": "Let me think."}, {"text": "Done."}]),
    "summary": (
        "completed",
        [{"thought": "", "summary": ["Short", "Shorter"]}, {"text": "Done."}],
    ),
    "sealed": ("completed", [{"thought": "", "sealed": "c2VhbGVk"}, {"text": "Done."}]),
    "refusal": ("completed", [{"refusal": "I will not."}]),
    "calls": (
        "completed",
        [
            {"text": "I look."},
            {"call_id": "call_a", "name": "weather", "arguments": '{"city": "Paris"}'},
            {"call_id": "call_b", "name": "light", "arguments": "{}"},
        ],
    ),
    "custom": ("completed", [{"call_id": "call_c", "name": "patch", "input": "*** a\nb"}]),
    "namespace": (
        "completed",
        [{"call_id": "call_n", "name": "light", "arguments": "{}", "namespace": "home"}],
    ),
    "citation": ("completed", [{"text": "Grass is green.", "url": "https://example.org/a"}]),
    "logprobs": ("completed", [{"text": "Hi", "logprob": -0.5}]),
    "opaque item": ("completed", [{"id": "ws_1", "status": "completed"}, {"text": "Done."}]),
    "opaque block": ("completed", [{"text": "Done."}]),
    "empty": ("completed", []),
    "length": ("incomplete", [{"text": "cut"}]),
    "sequence": ("completed", [{"text": "a "}]),
    "filter": ("incomplete", [{"text": "hm"}]),
    "interleaved": (
        "completed",
        [
            {"thought": "first"},
            {"call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"thought": "second"},
            {"text": "last"},
        ],
    ),
    "events": (
        "completed",
        [
            {"text": "one two"},
            {"call_id": "call_e", "name": "weather", "arguments": '{"a": 1}'},
        ],
    ),
}


def item_of(item: Any) -> dict[str, Any]:
    match item.type:
        case "message":
            (part,) = item.content
            if part.type == "refusal":
                return {"refusal": part.refusal}
            noted = {"url": part.annotations[0].url} if part.annotations else {}
            noted |= {"logprob": part.logprobs[0].logprob} if part.logprobs else {}
            return {"text": part.text} | noted
        case "reasoning":
            thought = "".join(part.text for part in item.content or ())
            sealed = {"sealed": item.encrypted_content} if item.encrypted_content else {}
            summary = {"summary": [part.text for part in item.summary]} if item.summary else {}
            return {"thought": thought} | sealed | summary
        case "function_call":
            space = {"namespace": item.namespace} if getattr(item, "namespace", None) else {}
            return shown_of(item, "call_id", "name", "arguments") | space
        case "web_search_call":
            return shown_of(item, "id", "status")
        case _:
            return shown_of(item, "call_id", "name", "input")


@pytest.mark.parametrize(("kind", "mode"), helpful("responses", RESPONSES))
async def test_responses(clients: Clients, kind: str, mode: Mode) -> None:
    response = await clients.ask("responses", mode, kind)
    assert (response.status, [item_of(item) for item in response.output]) == RESPONSES[kind]
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    if kind in reasons:
        assert response.incomplete_details.reason == reasons[kind]
    if kind == "reasoning":
        assert response.usage.input_tokens == 20
        assert response.usage.input_tokens_details.cached_tokens == 8
        assert response.usage.output_tokens_details.reasoning_tokens == 4


# Chat --------------------------------------------------------------------------------------------

CHAT: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("stop", {"content": "Hello é😀"}),
    "two texts": ("stop", {"content": "firstsecond"}),
    "reasoning": ("stop", {"reasoning_content": "Let me think.", "content": "Done."}),
    "summary": ("stop", {"reasoning_content": "Short\n\nShorter", "content": "Done."}),
    "sealed": ("stop", {"content": "Done."}),
    "refusal": ("stop", {"refusal": "I will not."}),
    "calls": (
        "tool_calls",
        {
            "content": "I look.",
            "calls": [("call_a", "weather", '{"city": "Paris"}'), ("call_b", "light", "{}")],
        },
    ),
    "custom": ("tool_calls", {"calls": [("call_c", "patch", "*** a\nb")]}),
    "namespace": ("tool_calls", {"calls": [("call_n", "home__light", "{}")]}),
    "citation": ("stop", {"content": "Grass is green.", "url": "https://example.org/a"}),
    "logprobs": ("stop", {"content": "Hi", "logprob": -0.5}),
    "opaque item": ("stop", {"content": "Done."}),
    "opaque block": ("stop", {"content": "Done."}),
    "empty": ("stop", {}),
    "length": ("length", {"content": "cut"}),
    "sequence": ("stop", {"content": "a "}),
    "filter": ("content_filter", {"content": "hm"}),
    "interleaved": (
        "tool_calls",
        {
            "reasoning_content": "firstsecond",
            "content": "last",
            "calls": [("call_1", "weather", "{}")],
        },
    ),
    "events": (
        "tool_calls",
        {"content": "one two", "calls": [("call_e", "weather", '{"a": 1}')]},
    ),
}


def choice_of(choice: Any) -> tuple[str, dict[str, Any]]:
    message = choice.message
    shown: dict[str, Any] = {}
    for name in ("reasoning_content", "content", "refusal"):
        if getattr(message, name, None):
            shown[name] = getattr(message, name)
    calls = [call_of(call.to_dict()) for call in message.tool_calls or ()]
    if calls:
        shown["calls"] = calls
    annotations = getattr(message, "annotations", None) or ()
    for each in annotations:
        source = each["url_citation"] if isinstance(each, dict) else each.url_citation
        shown["url"] = source["url"] if isinstance(source, dict) else source.url
    if choice.logprobs and choice.logprobs.content:
        shown["logprob"] = choice.logprobs.content[0].logprob
    return choice.finish_reason, shown


def call_of(call: dict[str, Any]) -> tuple[str, str, str]:
    if call["type"] == "custom":
        return call["id"], call["custom"]["name"], call["custom"]["input"]
    return call["id"], call["function"]["name"], call["function"]["arguments"]


@pytest.mark.parametrize(("kind", "mode"), helpful("chat", CHAT))
async def test_chat(clients: Clients, kind: str, mode: Mode) -> None:
    completion = await clients.ask("chat", mode, kind)
    assert choice_of(completion.choices[0]) == CHAT[kind]
    if kind == "reasoning":
        assert completion.usage.prompt_tokens == 20
        assert completion.usage.prompt_tokens_details.cached_tokens == 8
        assert completion.usage.completion_tokens_details.reasoning_tokens == 4


# All agree ---------------------------------------------------------------------------------------

# What differs between two answers that are the same, and what only the SDKs' helpers add.
OWN = "created created_at completed_at index parsed parsed_arguments parsed_output".split()


def comparable(value: Any) -> Any:
    """A document without its identity, and without the empty fields that some ways to ask leave."""
    match value:
        case dict():
            kept = {name: comparable(each) for name, each in value.items() if name not in OWN}
            return {name: each for name, each in kept.items() if each not in (None, [])}
        case list():
            return [comparable(each) for each in value]
        case str():
            return re.sub(r"[0-9a-f]{32}", "…", value)
        case _:
            return value


# The helper keeps no field of a choice that it does not know, such as the stop sequence.
FORGOTTEN = [("chat", "sequence", "helper")]
STREAMS = [
    (api, kind, mode)
    for api in get_args(Api)
    for kind, mode in helpful(api, CHAT)
    if mode in ("raw", "helper") and (api, kind, mode) not in FORGOTTEN
]


@pytest.mark.parametrize(("api", "kind", "mode"), STREAMS)
async def test_a_streamed_answer_is_the_whole_answer(
    clients: Clients, api: Api, kind: str, mode: Mode
) -> None:
    streamed = await clients.ask(api, mode, kind)
    whole = await clients.ask(api, "whole", kind)
    assert comparable(streamed.to_dict()) == comparable(whole.to_dict())


@pytest.mark.parametrize(
    ("api", "kind"), [(api, kind) for api in get_args(Api) for kind in UNHELPFUL[api]]
)
async def test_what_the_sdks_own_helper_makes_of_it_is_known(
    clients: Clients, api: Api, kind: str
) -> None:
    with pytest.raises(UNHELPFUL[api][kind]):
        await clients.ask(api, "helper", kind)


def texts(shown: Iterable[dict[str, Any]]) -> str:
    return "".join(part.get("text", "") + part.get("refusal", "") for part in shown)


def test_the_three_protocols_tell_the_same() -> None:
    assert MESSAGES.keys() == RESPONSES.keys() == CHAT.keys()
    for kind, (_, message) in CHAT.items():
        told = message.get("content", "") + message.get("refusal", "")
        assert told == texts(MESSAGES[kind][1]) == texts(RESPONSES[kind][1]), kind
        calls = [name for _, name, _ in message.get("calls", ())]
        blocks = [block["name"] for block in MESSAGES[kind][1] if "name" in block]
        assert calls == blocks, kind


# What was lost is told ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path"), [("logprobs", "logprobs"), ("custom", "input"), ("namespace", "namespace")]
)
def test_a_loss_of_the_answer_is_in_the_header_and_beside_the_terminal(
    claude: Anthropic, kind: str, path: str
) -> None:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": kind}]}
    raw = claude.messages.with_raw_response.create(**asked)
    assert path in raw.headers["x-stack-fidelity"]
    with claude.messages.with_streaming_response.create(**asked, stream=True) as answer:
        assert answer.headers["x-stack-fidelity"] == "exact"
        notes = [line for line in answer.iter_lines() if line.startswith(": x-stack-fidelity")]
    assert len(notes) == 1
    assert path in notes[0]
