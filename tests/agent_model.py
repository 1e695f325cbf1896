"""A model that wants one tool and then knows the answer, as upstreams of each protocol write it.

Without a tool's output in the request it calls the tool, with a thought before; with it, it says
what it has seen. A request without that tool (agents ask for titles beside their work) gets a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from open_responses import USUAL
from peer import Answer, Received, streamed, whole

Body = dict[str, Any]

CALL = "call_pong1"
RAN = "TOOLRAN-42"
ANSWER = "PONG-42"
SIGNATURE = "c2lnbmVk"
THOUGHT = "I had better look."


def model(tool: str, arguments: Body, ran: str = RAN) -> Callable[[Received], Answer]:
    """`ran` is what the tool's output holds, and nothing else in a request."""

    def answer(request: Received) -> Answer:
        if not request.path.startswith(tuple(PATHS)):
            return whole({"error": {"message": "not here", "type": "not_found_error"}}, 404)
        asked = request.document
        write = PATHS[request.path]
        if ran in json.dumps(asked.get("messages", asked.get("input"))):
            document, events = write(ANSWER, None)
        elif tool in json.dumps(asked.get("tools") or ()):
            document, events = write("", (tool, arguments))
        else:
            document, events = write("ok", None)
        if not asked.get("stream"):
            return whole(document)
        return streamed(b"".join(map(_event, events)) + _END.get(request.path, b""))

    return answer


def _event(data: Body) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


_END = {"/v1/chat/completions": b"data: [DONE]\n\n"}
Written = tuple[Body, list[Body]]
Call = tuple[str, Body]


def completion(text: str, call: Call | None) -> Written:
    head: Body = {"id": "chatcmpl-1", "created": 1, "model": "wire-model"}
    delta: Body = {"role": "assistant", "content": text or None}
    if call is not None:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta["tool_calls"] = [{"index": 0, "id": CALL, "type": "function", "function": function}]
        delta["reasoning_content"] = THOUGHT
    finish = "stop" if call is None else "tool_calls"
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}
    choice = {"index": 0, "message": delta, "finish_reason": finish}
    document = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    chunk = head | {"object": "chat.completion.chunk"}
    events = [
        chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        chunk | {"choices": [], "usage": usage},
    ]
    return document, events


def message(text: str, call: Call | None) -> Written:
    blocks: list[tuple[Body, Body]] = []
    if call is not None:
        thought = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append((thought, {"type": "thinking_delta", "thinking": THOUGHT}))
        use = {"type": "tool_use", "id": CALL, "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
        blocks.append((use, delta))
    else:
        blocks.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": text}))
    reason = "end_turn" if call is None else "tool_use"
    head: Body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "wire-model",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 50, "output_tokens": 1},
    }
    events: list[Body] = [{"type": "message_start", "message": head}]
    for i, (block, delta) in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": i, "content_block": block},
            {"type": "content_block_delta", "index": i, "delta": delta},
            *([_signed(i)] if block["type"] == "thinking" else []),
            {"type": "content_block_stop", "index": i},
        ]
    stop = {"stop_reason": reason, "stop_sequence": None}
    events += [
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    content = [_filled(block, delta) for block, delta in blocks]
    return head | {"content": content} | stop, events


def _signed(index: int) -> Body:
    delta = {"type": "signature_delta", "signature": SIGNATURE}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _filled(block: Body, delta: Body) -> Body:
    match delta:
        case {"partial_json": text}:
            return block | {"input": json.loads(text)}
        case {"thinking": text}:
            return block | {"thinking": text, "signature": SIGNATURE}
        case _:
            return block | {"text": delta["text"]}


def response(text: str, call: Call | None) -> Written:
    if call is None:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item: Body = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    else:
        item = {
            "id": "fc_1",
            "type": "function_call",
            "call_id": CALL,
            "name": call[0],
            "arguments": json.dumps(call[1]),
            "status": "completed",
        }
    head: Body = USUAL | {"id": "resp_1", "status": "in_progress"}
    usage = {
        "input_tokens": 50,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 55,
    }
    document = head | {"status": "completed", "output": [item], "usage": usage}
    emptied: Body = {"content": []} if call is None else {"arguments": ""}
    bare = item | {"status": "in_progress"} | emptied
    events: list[Body] = [
        {"type": "response.created", "response": head},
        {"type": "response.output_item.added", "output_index": 0, "item": bare},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": document},
    ]
    return document, [event | {"sequence_number": i} for i, event in enumerate(events)]


PATHS: dict[str, Callable[[str, Call | None], Written]] = {
    "/v1/chat/completions": completion,
    "/v1/messages": message,
    "/v1/responses": response,
}
