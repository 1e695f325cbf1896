"""Codex's kinds of tools on their way to upstreams that have none of them, and their calls back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from peer import Peer, streamed, whole
from peer.clients import Clients
from peer.matching import differences

EMPTY: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "look", "parameters": EMPTY, "strict": False},
    {
        "type": "namespace",
        "name": "home",
        "description": "The house.",
        "tools": [{"type": "function", "name": "light", "parameters": EMPTY, "strict": False}],
    },
    {"type": "custom", "name": "patch", "description": "Patches files."},
    {"type": "web_search"},
]
PATCH = '*** Begin\n+a "quoted" line ü\n'
INPUT = json.dumps({"input": PATCH})
ASKED: dict[str, Any] = {
    "model": "",
    "tools": TOOLS,
    "input": [
        {"role": "user", "content": "Light, patch?"},
        {
            "type": "function_call",
            "call_id": "c1",
            "namespace": "home",
            "name": "light",
            "arguments": "{}",
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": PATCH},
        {"type": "function_call_output", "call_id": "c1", "output": "on"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
    ],
}

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CHAT_CALLS: list[dict[str, Any]] = [
    {"id": "c3", "type": "function", "function": {"name": "home__light", "arguments": "{}"}},
    {"id": "c4", "type": "function", "function": {"name": "patch", "arguments": INPUT}},
]
CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1763683200,
    "model": "wire-model",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": CHAT_CALLS},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "wire-model",
    "content": [
        {"type": "tool_use", "id": "c3", "name": "home__light", "input": {}},
        {"type": "tool_use", "id": "c4", "name": "patch", "input": {"input": PATCH}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def chat_chunks() -> bytes:
    head: dict[str, Any] = {key: CHAT[key] for key in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    deltas: list[dict[str, Any]] = []
    for index, call in enumerate(CHAT_CALLS):
        text = call["function"]["arguments"]
        named = {"name": call["function"]["name"], "arguments": ""}
        deltas.append({"tool_calls": [{**call, "index": index, "function": named}]})
        for at in range(0, len(text), 5):  # in the middle of escapes too
            piece = {"arguments": text[at : at + 5]}
            deltas.append({"tool_calls": [{"index": index, "function": piece}]})
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    chunks = [head | {"choices": [choice]} for choice in choices]
    chunks.append(head | {"choices": [], "usage": USAGE})
    return b"".join(b"data: %b\n\n" % json.dumps(c).encode() for c in chunks) + b"data: [DONE]\n\n"


def message_events() -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(MESSAGE["content"]):
        text = json.dumps(block["input"])
        events.append(
            {"type": "content_block_start", "index": index, "content_block": block | {"input": {}}}
        )
        for at in range(0, len(text), 5):
            delta = {"type": "input_json_delta", "partial_json": text[at : at + 5]}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


ANSWERS = {
    ("chat", False): whole(CHAT),
    ("chat", True): streamed(chat_chunks(), range(11, 2000, 131)),
    ("messages", False): whole(MESSAGE),
    ("messages", True): streamed(message_events(), range(11, 2000, 131)),
}
CASES = pytest.mark.parametrize(("upstream", "stream"), ANSWERS)


@CASES
def test_a_call_comes_back_under_its_own_name_in_its_own_form(
    peer: Peer, clients: Clients, upstream: str, stream: bool
) -> None:
    peer.play(ANSWERS[upstream, stream])
    answer = clients.ask("responses", ASKED | {"model": f"{upstream}/wire-model"}, stream)
    light = {"type": "function_call", "call_id": "c3", "namespace": "home", "name": "light"}
    patch = {"type": "custom_tool_call", "call_id": "c4", "name": "patch", "input": PATCH}
    assert not differences([light, patch], answer["output"])


@CASES
def test_each_tool_is_offered_as_a_function_and_the_servers_own_is_a_loss(
    peer: Peer, clients: Clients, upstream: str, stream: bool
) -> None:
    peer.play(ANSWERS[upstream, stream])
    clients.ask("responses", ASKED | {"model": f"{upstream}/wire-model"}, stream)
    offered = peer.last.document["tools"]
    if upstream == "chat":
        assert {tool["type"] for tool in offered} == {"function"}
        offered = [tool["function"] for tool in offered]
    assert [tool["name"] for tool in offered] == ["look", "home__light", "patch"]
    assert "The house." in offered[1]["description"]
    schema = offered[2]["parameters" if upstream == "chat" else "input_schema"]
    assert schema["properties"]["input"]["type"] == "string"
    assert schema["required"] == ["input"]


CALLED: dict[str, Any] = {
    "chat": [
        {"role": "user"},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "function": {"name": "home__light", "arguments": "{}"}},
                {
                    "id": "c2",
                    "function": {"name": "patch", "arguments": {"$json": {"input": PATCH}}},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "on"},
        {"role": "tool", "tool_call_id": "c2", "content": "done"},
    ],
    "messages": [
        {"role": "user"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "home__light", "input": {}},
                {"type": "tool_use", "id": "c2", "name": "patch", "input": {"input": PATCH}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "on"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "done"},
            ],
        },
    ],
}


@pytest.mark.parametrize("upstream", CALLED)
def test_earlier_calls_are_told_in_the_names_that_the_tools_are_offered_under(
    peer: Peer, clients: Clients, upstream: str
) -> None:
    peer.play(ANSWERS[upstream, False])
    headers = clients.headers("responses", ASKED | {"model": f"{upstream}/wire-model"})
    assert not differences(CALLED[upstream], peer.last.document["messages"])
    assert "dropped=tools.3" in headers["x-stack-fidelity"]
