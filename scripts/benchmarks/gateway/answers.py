"""What the mock upstream answers: 100 tokens in each of the three protocols, whole and streamed.

Written out by hand from the protocols' documentation, in the shape that the vendors' own servers
send, and by none of this project's encoders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOKENS = 100
WORDS = " the quick brown fox jumps over a lazy dog .".split(" ")[1:]
PIECES = [f" {WORDS[i % len(WORDS)]}" for i in range(TOKENS)]
STAMPS = [f"@{'0' * 20}@"] * TOKENS  # the mock writes the time into these
CREATED = 1_760_000_000
MODELS = ("mock", "mock-pace")

Event = tuple[str | None, dict[str, Any]]


def write(directory: Path) -> None:
    """The files that the mock reads."""
    for name, (document, events) in PROTOCOLS.items():
        (directory / f"{name}.json").write_text(compact(document("".join(PIECES))))
        (directory / f"{name}.sse").write_text(stream(name, events(PIECES)))
        (directory / f"{name}.paced.sse").write_text(stream(name, events(STAMPS)))
    listed = [
        {"id": id, "object": "model", "created": CREATED, "owned_by": "mock"} for id in MODELS
    ]
    (directory / "models.json").write_text(compact({"object": "list", "data": listed}))


def compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def stream(name: str, events: Iterator[Event]) -> str:
    frames = [
        (f"event: {kind}\n" if kind else "") + f"data: {compact(data)}\n\n" for kind, data in events
    ]
    return "".join(frames) + ("data: [DONE]\n\n" if name == "chat" else "")


# Chat Completions ----------------------------------------------------------------------------


def chat_document(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-mock0123456789abcdef",
        "object": "chat.completion",
        "created": CREATED,
        "model": "mock",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 120,
            "completion_tokens": TOKENS,
            "total_tokens": 120 + TOKENS,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "system_fingerprint": "fp_mock",
    }


def chat_events(pieces: list[str]) -> Iterator[Event]:
    yield None, chunk({"role": "assistant", "content": ""})
    for piece in pieces:
        yield None, chunk({"content": piece})
    yield None, chunk({}, "stop")
    usage = {"prompt_tokens": 120, "completion_tokens": TOKENS, "total_tokens": 120 + TOKENS}
    yield None, {**chunk({}), "choices": [], "usage": usage}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-mock0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": "mock",
        "system_fingerprint": "fp_mock",
        "choices": [choice],
    }


# Messages ------------------------------------------------------------------------------------


def messages_document(text: str) -> dict[str, Any]:
    return {
        "id": "msg_mock0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 120,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": TOKENS,
        },
    }


def messages_events(pieces: list[str]) -> Iterator[Event]:
    start = {
        **messages_document(""),
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 120, "output_tokens": 1},
    }
    yield named("message_start", message=start)
    yield named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in pieces:
        yield named("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield named("content_block_stop", index=0)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield named("message_delta", delta=end, usage={"output_tokens": TOKENS})
    yield named("message_stop")


def named(kind: str, **fields: Any) -> Event:
    return kind, {"type": kind, **fields}


# Responses -----------------------------------------------------------------------------------


def responses_document(text: str) -> dict[str, Any]:
    return {
        "id": "resp_mock0123456789abcdef",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "mock",
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "metadata": {},
        "output": [item(text)],
        "usage": {
            "input_tokens": 120,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": TOKENS,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 120 + TOKENS,
        },
    }


def item(text: str) -> dict[str, Any]:
    return {
        "id": "msg_mock0123456789abcdef",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [output_text(text)],
    }


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def responses_events(pieces: list[str]) -> Iterator[Event]:
    for number, (kind, data) in enumerate(_responses_events(pieces)):
        yield kind, {**data, "sequence_number": number}


def _responses_events(pieces: list[str]) -> Iterator[Event]:
    text = "".join(pieces)
    running = {**responses_document(""), "status": "in_progress", "output": [], "usage": None}
    empty = {**item(""), "status": "in_progress", "content": []}
    part = {"item_id": empty["id"], "output_index": 0, "content_index": 0}
    yield named("response.created", response=running)
    yield named("response.in_progress", response=running)
    yield named("response.output_item.added", output_index=0, item=empty)
    yield named("response.content_part.added", **part, part=output_text(""))
    for piece in pieces:
        yield named("response.output_text.delta", **part, delta=piece, logprobs=[])
    yield named("response.output_text.done", **part, text=text, logprobs=[])
    yield named("response.content_part.done", **part, part=output_text(text))
    yield named("response.output_item.done", output_index=0, item=item(text))
    yield named("response.completed", response=responses_document(text))


PROTOCOLS = {
    "chat": (chat_document, chat_events),
    "messages": (messages_document, messages_events),
    "responses": (responses_document, responses_events),
}
