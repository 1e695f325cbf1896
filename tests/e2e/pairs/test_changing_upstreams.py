"""A conversation with thoughts and tools that goes on with another upstream in every turn.

Each upstream marks its thoughts in a way that only itself can read. Whatever protocol the client
speaks, every mark goes back to its maker intact, no maker gets another one's, and what is left
out is named.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from open_responses import USUAL
from peer import Answer, Peer, streamed, whole
from peer.clients import Clients

Body = dict[str, Any]

TURNS = ("chat", "messages", "responses", "messages", "responses", "chat", "messages")
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}


# What the upstreams say in turn `n`: a thought, with its maker's mark, and a call ----------------


def event(data: Body) -> bytes:
    name = data.get("type")
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {json.dumps(data)}\n\n".encode()


def said(upstream: str, n: int, stream: bool) -> Answer:
    document, events = WIRE[upstream](n)
    return streamed(b"".join(map(event, events)) + END[upstream]) if stream else whole(document)


END = {"messages": b"", "responses": b"", "chat": b"data: [DONE]\n\n"}


def message(n: int) -> tuple[Body, list[Body]]:
    thought = {"type": "thinking", "thinking": f"thought {n}", "signature": f"sig-{n}"}
    redacted = {"type": "redacted_thinking", "data": f"redacted-{n}"}
    call = {"type": "tool_use", "id": f"toolu_{n}", "name": "look", "input": {"n": n}}
    usage = {"input_tokens": 5, "output_tokens": 5}
    head: Body = {
        "id": f"msg_{n}",
        "type": "message",
        "role": "assistant",
        "model": "wire-model",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    document = head | {"content": [thought, redacted, call], "stop_reason": "tool_use"}

    def block(i: int, opened: Body, *deltas: Body) -> list[Body]:
        started = {"type": "content_block_start", "index": i, "content_block": opened}
        pieces = [{"type": "content_block_delta", "index": i, "delta": each} for each in deltas]
        return [started, *pieces, {"type": "content_block_stop", "index": i}]

    events = [
        {"type": "message_start", "message": head},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": f"thought {n}"},
            {"type": "signature_delta", "signature": f"sig-{n}"},
        ),
        *block(1, redacted),
        *block(
            2, call | {"input": {}}, {"type": "input_json_delta", "partial_json": f'{{"n": {n}}}'}
        ),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return document, events


def response(n: int) -> tuple[Body, list[Body]]:
    thought: Body = {
        "id": f"rs_{n}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": f"thought {n}"}],
        "encrypted_content": f"enc-{n}",
    }
    call: Body = {
        "id": f"fc_{n}",
        "type": "function_call",
        "call_id": f"call_{n}",
        "name": "look",
        "arguments": f'{{"n": {n}}}',
        "status": "completed",
    }
    head: Body = USUAL | {"id": f"resp_{n}", "status": "in_progress"}
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 10,
    }
    document = head | {"output": [thought, call], "status": "completed", "usage": usage}
    events: list[Body] = [{"type": "response.created", "response": head}]
    for i, item in enumerate((thought, call)):
        emptied: Body = {"arguments": ""} if i else {"summary": []}
        bare = item | emptied
        bare.pop("encrypted_content", None)
        events.append({"type": "response.output_item.added", "output_index": i, "item": bare})
        if i:
            delta = {"type": "response.function_call_arguments.delta", "item_id": f"fc_{n}"}
            events.append(delta | {"output_index": i, "delta": call["arguments"]})
        events.append({"type": "response.output_item.done", "output_index": i, "item": item})
    events.append({"type": "response.completed", "response": document})
    return document, [each | {"sequence_number": i} for i, each in enumerate(events)]


def completion(n: int) -> tuple[Body, list[Body]]:
    function = {"name": "look", "arguments": f'{{"n": {n}}}'}
    call = {"id": f"chatcall_{n}", "type": "function", "function": function}
    head: Body = {"id": f"chatcmpl-{n}", "created": 1, "model": "wire-model"}
    told = {"role": "assistant", "content": None, "reasoning_content": f"thought {n}"}
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    choice = {
        "index": 0,
        "message": told | {"tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    document = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    chunk = head | {"object": "chat.completion.chunk"}

    def chunked(delta: Body, finish: str | None = None) -> Body:
        return chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    events = [
        chunked(told),
        chunked({"tool_calls": [call | {"index": 0}]}),
        chunked({}, "tool_calls"),
        chunk | {"choices": [], "usage": usage},
    ]
    return document, events


WIRE = {"messages": message, "responses": response, "chat": completion}


# How clients go on: they give back what they were given ------------------------------------------

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


class Conversation:
    def __init__(self, client: str) -> None:
        self.client = client
        self.said: list[Body] = [{"role": "user", "content": "Look around."}]

    def body(self, upstream: str) -> Body:
        model = f"to-{upstream}"
        match self.client:
            case "messages":
                tool: Body = {"name": "look", "input_schema": SCHEMA}
                return {"model": model, "max_tokens": 900, "messages": self.said, "tools": [tool]}
            case "responses":
                tool = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}
                return {
                    "model": model,
                    "input": self.said,
                    "tools": [tool],
                    "store": False,
                    "include": ["reasoning.encrypted_content"],
                }
            case _:
                tool = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
                return {"model": model, "messages": self.said, "tools": [tool]}

    def go_on(self, answer: Body) -> None:
        match self.client:
            case "messages":
                calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
                results = [
                    {"type": "tool_result", "tool_use_id": id, "content": "seen"} for id in calls
                ]
                self.said += [
                    {"role": "assistant", "content": answer["content"]},
                    {"role": "user", "content": results},
                ]
            case "responses":
                self.said += answer["output"]
                self.said += [
                    {"type": "function_call_output", "call_id": item["call_id"], "output": "seen"}
                    for item in answer["output"]
                    if item["type"] == "function_call"
                ]
            case _:
                message = answer["choices"][0]["message"]
                self.said.append({k: v for k, v in message.items() if v is not None})
                self.said += [
                    {"role": "tool", "tool_call_id": call["id"], "content": "seen"}
                    for call in message["tool_calls"]
                ]


# What upstreams must have got --------------------------------------------------------------------


def marks(upstream: str, made: list[int]) -> set[str]:
    """The marks of an upstream's own earlier turns."""
    kinds = {"messages": ("sig", "redacted"), "responses": ("enc", "rs"), "chat": ()}[upstream]
    joint = {"rs": "_"}
    return {f"{kind}{joint.get(kind, '-')}{n}" for n in made for kind in kinds}


def strings(value: Any) -> set[str]:
    match value:
        case dict():
            return set().union(*map(strings, value.values()))
        case list():
            return set().union(*map(strings, value))
        case str():
            return {value}
        case _:
            return set()


ALL_MARKS = {
    mark for kind in ("messages", "responses") for mark in marks(kind, list(range(len(TURNS))))
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", PATHS)
def test_every_mark_returns_to_its_maker_and_to_nobody_else(
    client: str, stream: bool, peer: Peer, clients: Clients
) -> None:
    conversation = Conversation(client)
    for n, upstream in enumerate(TURNS):
        peer.play(said(upstream, n, stream))
        answer = clients.ask(client, conversation.body(upstream), stream)
        got = peer.last
        assert got.path == PATHS[upstream]
        found = strings(got.document)
        made = [m for m in range(n) if TURNS[m] == upstream]
        assert found & ALL_MARKS == marks(upstream, made), f"turn {n}, to {upstream}: {got.body!r}"
        assert not any("pst1." in text for text in found), "a seal is nothing for an upstream"
        assert {f"thought {m}" for m in made} <= found, "the thoughts themselves are whole"
        conversation.go_on(answer)


@pytest.mark.parametrize("client", PATHS)
def test_what_an_upstream_does_not_get_is_named(client: str, peer: Peer, stack: str) -> None:
    conversation = Conversation(client)
    for n, upstream in enumerate(TURNS):
        peer.play(said(upstream, n, False))
        body = json.dumps(conversation.body(upstream)).encode()
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        with urlopen(Request(stack + PATHS[client], body, headers)) as reply:
            fidelity = reply.headers["x-stack-fidelity"]
            conversation.go_on(json.load(reply))
        others = {TURNS[m] for m in range(n)} - {upstream}
        marked = others - {"chat"}
        # A thought of a chat server has no mark; another chat server could read it as it is.
        lost = marked if upstream == "chat" else others
        assert ("dropped" in fidelity) == bool(lost), f"turn {n}, to {upstream}: {fidelity}"
