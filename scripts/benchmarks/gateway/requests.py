"""What the clients ask: a small question and an agent's request, in each of the three protocols.

The agent's is shaped as coding agents send theirs: a long system text, 20 tools, and six rounds of
tool use behind it, 51 to 57 KB in all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from .answers import compact

Protocol = Literal["chat", "messages", "responses"]
Size = Literal["small", "agent"]

SYSTEM = "You are a helpful assistant. Answer briefly and plainly."
QUESTION = "Say something about foxes. " * 8
VOCABULARY = (
    "file path tool command read write edit search result when should never always the a of to in"
    " is line code user test run"
).split()


@dataclass(frozen=True)
class Round:
    """One use of a tool: what the model said and called, and what came back."""

    said: str
    id: str
    tool: str
    input: dict[str, str]
    result: str


@dataclass(frozen=True)
class Conversation:
    system: str
    question: str
    tools: tuple[dict[str, Any], ...] = ()  # name, description, schema
    rounds: tuple[Round, ...] = ()


def body(protocol: Protocol, size: Size, model: str, stream: bool) -> bytes:
    conversation = _agent() if size == "agent" else Conversation(SYSTEM, QUESTION)
    document = {"model": model, **BODIES[protocol](conversation), "stream": stream}
    if stream and protocol == "chat":
        document["stream_options"] = {"include_usage": True}
    return compact(document).encode()


def http(path: str, headers: dict[str, str], content: bytes) -> bytes:
    """The bytes of a whole HTTP request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Accept: */*",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _agent() -> Conversation:
    chance = random.Random(7)

    def words(count: int) -> str:
        return " ".join(chance.choices(VOCABULARY, k=count))

    tools = [
        {
            "name": f"Tool{i}",
            "description": words(150),
            "schema": {
                "type": "object",
                "properties": {
                    f"argument_{k}": {"type": "string", "description": words(14)} for k in range(6)
                },
                "required": ["argument_0", "argument_1"],
                "additionalProperties": False,
            },
        }
        for i in range(20)
    ]
    rounds = [
        Round(
            words(30),
            f"call_{i:024d}",
            f"Tool{i}",
            {"argument_0": words(20), "argument_1": "/home/user/project/file.py"},
            words(260),
        )
        for i in range(6)
    ]
    return Conversation(words(1900), words(420), tuple(tools), tuple(rounds))


# The protocols -------------------------------------------------------------------------------


def _chat(conversation: Conversation) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": conversation.system},
        {"role": "user", "content": conversation.question},
    ]
    for each in conversation.rounds:
        function = {"name": each.tool, "arguments": compact(each.input)}
        call = {"id": each.id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": each.said, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": each.id, "content": each.result})
    tools = [
        {"type": "function", "function": {**named(tool), "parameters": tool["schema"]}}
        for tool in conversation.tools
    ]
    return {"messages": messages, "max_tokens": 256} | ({"tools": tools} if tools else {})


def _messages(conversation: Conversation) -> dict[str, Any]:
    cached = {"cache_control": {"type": "ephemeral"}} if conversation.tools else {}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": conversation.question, **cached}]}
    ]
    for each in conversation.rounds:
        said = {"type": "text", "text": each.said}
        call = {"type": "tool_use", "id": each.id, "name": each.tool, "input": each.input}
        content = [{"type": "text", "text": each.result}]
        result = {"type": "tool_result", "tool_use_id": each.id, "content": content}
        messages.append({"role": "assistant", "content": [said, call]})
        messages.append({"role": "user", "content": [result]})
    tools = [{**named(tool), "input_schema": tool["schema"]} for tool in conversation.tools]
    system = [{"type": "text", "text": conversation.system, **cached}]
    return {"max_tokens": 256, "system": system, "messages": messages} | (
        {"tools": tools} if tools else {}
    )


def _responses(conversation: Conversation) -> dict[str, Any]:
    question = {"type": "input_text", "text": conversation.question}
    items: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": [question]}]
    for each in conversation.rounds:
        said = {"type": "output_text", "text": each.said}
        call = {"type": "function_call", "call_id": each.id, "name": each.tool}
        result = {"type": "function_call_output", "call_id": each.id, "output": each.result}
        items.append({"type": "message", "role": "assistant", "content": [said]})
        items += [{**call, "arguments": compact(each.input)}, result]
    tools = [
        {"type": "function", **named(tool), "parameters": tool["schema"], "strict": False}
        for tool in conversation.tools
    ]
    document = {"instructions": conversation.system, "input": items, "store": False}
    return document | {"max_output_tokens": 256} | ({"tools": tools} if tools else {})


def named(tool: dict[str, Any]) -> dict[str, Any]:
    return {"name": tool["name"], "description": tool["description"]}


BODIES = {"chat": _chat, "messages": _messages, "responses": _responses}
