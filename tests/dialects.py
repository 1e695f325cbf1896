"""One prompt in three protocols, and their answers in one shape: test code, by hand, on purpose.

Nothing here uses polystack's own codecs: what a client of each protocol would send and would see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}


@dataclass
class Prompt:
    ask: str
    system: str | None = None
    before: list[tuple[str, str]] = field(default_factory=list)
    tools: list[Document] = field(default_factory=list)  # name, description, schema
    thinking: bool = False


@dataclass
class Answer:
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)  # name, arguments
    cut: bool = False  # by a limit of tokens: the last of it is not whole


def request(api: str, prompt: Prompt, model: str, stream: bool) -> Document:
    body = _REQUESTS[api](prompt) | {"model": model, "temperature": 0}
    return body | {"stream": True} if stream else body


def whole(api: str, document: Document) -> Answer:
    return _WHOLE[api](document)


def streamed(api: str, body: str) -> Answer:
    return _STREAMED[api](list(_frames(body)))


def _frames(body: str) -> Iterator[Document]:
    for line in body.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _turns(prompt: Prompt) -> list[Document]:
    turns: list[Document] = []
    for said, answered in prompt.before:
        turns += [{"role": "user", "content": said}, {"role": "assistant", "content": answered}]
    return [*turns, {"role": "user", "content": prompt.ask}]


# Messages ----------------------------------------------------------------------------------------


def _ask_messages(prompt: Prompt) -> Document:
    body: Document = {"max_tokens": 4000, "messages": _turns(prompt)}
    if prompt.system:
        body["system"] = prompt.system
    if prompt.tools:
        body["tools"] = [
            {"name": t["name"], "description": t["description"], "input_schema": t["schema"]}
            for t in prompt.tools
        ]
    if prompt.thinking:
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    return body


def _whole_message(document: Document) -> Answer:
    answer = Answer(cut=document["stop_reason"] == "max_tokens")
    for block in document["content"]:
        if block["type"] == "text":
            answer.text += block["text"]
        elif block["type"] == "thinking":
            answer.reasoning += block["thinking"]
        else:
            answer.calls.append((block["name"], json.dumps(block["input"])))
    return answer


def _streamed_message(frames: list[Document]) -> Answer:
    blocks: list[Document] = []
    (reason,) = [f["delta"]["stop_reason"] for f in frames if f["type"] == "message_delta"]
    for frame in frames:
        if frame["type"] == "content_block_start":
            assert frame["index"] == len(blocks)
            blocks.append(frame["content_block"] | {"partial": ""})
        elif frame["type"] == "content_block_delta":
            delta, block = frame["delta"], blocks[frame["index"]]
            match delta["type"]:
                case "text_delta":
                    block["text"] += delta["text"]
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "input_json_delta":
                    block["partial"] += delta["partial_json"]
    for block in blocks:
        if block["type"] == "tool_use" and not (reason == "max_tokens" and block is blocks[-1]):
            block["input"] = json.loads(block["partial"])
    assert frames[-1]["type"] == "message_stop"
    return _whole_message({"content": blocks, "stop_reason": reason})


# Responses ---------------------------------------------------------------------------------------


def _ask_responses(prompt: Prompt) -> Document:
    body: Document = {"input": _turns(prompt)}
    if prompt.system:
        body["instructions"] = prompt.system
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": t["name"],
                "description": t["description"],
                "parameters": t["schema"],
                "strict": False,
            }
            for t in prompt.tools
        ]
    if prompt.thinking:
        body["reasoning"] = {"effort": "high"}
    return body


def _whole_response(document: Document) -> Answer:
    answer = Answer(cut=document["status"] == "incomplete")
    for item in document["output"]:
        if item["type"] == "message":
            answer.text += "".join(part["text"] for part in item["content"])
        elif item["type"] == "reasoning":
            answer.reasoning += "".join(part["text"] for part in item["content"])
        else:
            answer.calls.append((item["name"], item["arguments"]))
    return answer


def _streamed_response(frames: list[Document]) -> Answer:
    answer = Answer()
    calls: dict[int, list[str]] = {}
    for frame in frames:
        match frame["type"]:
            case "response.output_text.delta":
                answer.text += frame["delta"]
            case "response.reasoning_text.delta":
                answer.reasoning += frame["delta"]
            case "response.output_item.added" if frame["item"]["type"] == "function_call":
                calls[frame["output_index"]] = [frame["item"]["name"], ""]
            case "response.function_call_arguments.delta":
                calls[frame["output_index"]][1] += frame["delta"]
    answer.calls = [(name, arguments) for name, arguments in calls.values()]
    assert frames[-1]["type"] in ("response.completed", "response.incomplete")
    answer.cut = frames[-1]["type"] == "response.incomplete"
    assert _whole_response(frames[-1]["response"]) == answer
    return answer


# Chat --------------------------------------------------------------------------------------------


def _ask_chat(prompt: Prompt) -> Document:
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    body: Document = {"messages": [*system, *_turns(prompt)]}
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": t["name"],
                    "description": t["description"],
                    "parameters": t["schema"],
                },
            }
            for t in prompt.tools
        ]
    if prompt.thinking:
        body["chat_template_kwargs"] = {"enable_thinking": True}
    return body


def _whole_chat(document: Document) -> Answer:
    message = document["choices"][0]["message"]
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return Answer(
        message["content"] or "",
        message.get("reasoning_content") or "",
        [(call["name"], call["arguments"]) for call in calls],
        document["choices"][0]["finish_reason"] == "length",
    )


def _streamed_chat(frames: list[Document]) -> Answer:
    answer = Answer()
    calls: dict[int, list[str]] = {}
    for frame in frames:
        delta = frame["choices"][0]["delta"]
        answer.text += delta.get("content") or ""
        answer.reasoning += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls", []):
            known = calls.setdefault(call["index"], ["", ""])
            known[0] += call["function"].get("name", "")
            known[1] += call["function"].get("arguments", "")
    answer.calls = [(name, arguments) for name, arguments in calls.values()]
    reason = frames[-1]["choices"][0]["finish_reason"]
    assert reason in ("stop", "tool_calls", "length")
    answer.cut = reason == "length"
    return answer


_REQUESTS = {"messages": _ask_messages, "responses": _ask_responses, "chat": _ask_chat}
_WHOLE = {"messages": _whole_message, "responses": _whole_response, "chat": _whole_chat}
_STREAMED = {
    "messages": _streamed_message,
    "responses": _streamed_response,
    "chat": _streamed_chat,
}
