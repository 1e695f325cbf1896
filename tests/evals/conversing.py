"""One conversation with a server, as a client of each protocol keeps it: turns, calls, results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from dialects import PATHS, Answer, Document, streamed, whole

SLOW = 0.02  # seconds between two looks at a stream
LIMIT = 120  # tokens of an answer


@dataclass
class Conversation:
    """`history` is in the words of its protocol; a turn that was cut short is not kept."""

    api: str
    system: str
    tools: list[Document]
    history: list[Document] = field(default_factory=list)
    called: int = 0

    def body(self, text: str, stream: bool, seed: int) -> Document:
        asked = [*self.history, {"role": "user", "content": text}]
        return _BODIES[self.api](self, asked) | {
            "model": "tiny",
            "stream": stream,
            "seed": seed,
            "temperature": 0.7,
        }

    def keep(self, text: str, answer: Answer) -> None:
        self.history.append({"role": "user", "content": text})
        if answer.calls and not answer.cut:
            self.called += 1
            name, arguments = answer.calls[0]
            self.history += _CALLS[self.api](f"call_{self.called}", name, arguments)
        elif answer.text:
            self.history.append({"role": "assistant", "content": answer.text})
        else:
            self.history.pop()


def _messages(talk: Conversation, asked: list[Document]) -> Document:
    tools = [
        {"name": t["name"], "description": t["description"], "input_schema": t["schema"]}
        for t in talk.tools
    ]
    return {"system": talk.system, "messages": asked, "tools": tools, "max_tokens": LIMIT}


def _responses(talk: Conversation, asked: list[Document]) -> Document:
    tools = [{"type": "function", "name": t["name"], "parameters": t["schema"]} for t in talk.tools]
    return {
        "instructions": talk.system,
        "input": asked,
        "tools": tools,
        "max_output_tokens": LIMIT,
    }


def _chat(talk: Conversation, asked: list[Document]) -> Document:
    tools = [
        {"type": "function", "function": {"name": t["name"], "parameters": t["schema"]}}
        for t in talk.tools
    ]
    messages = [{"role": "system", "content": talk.system}, *asked]
    return {"messages": messages, "tools": tools, "max_tokens": LIMIT}


RESULT = "It is 21 degrees."


def _message_call(id: str, name: str, arguments: str) -> list[Document]:
    use = {"type": "tool_use", "id": id, "name": name, "input": json.loads(arguments)}
    result = {"type": "tool_result", "tool_use_id": id, "content": RESULT}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]


def _response_call(id: str, name: str, arguments: str) -> list[Document]:
    return [
        {"type": "function_call", "call_id": id, "name": name, "arguments": arguments},
        {"type": "function_call_output", "call_id": id, "output": RESULT},
    ]


def _chat_call(id: str, name: str, arguments: str) -> list[Document]:
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id, "content": RESULT},
    ]


_BODIES = {"messages": _messages, "responses": _responses, "chat": _chat}
_CALLS: dict[str, Callable[[str, str, str], list[Document]]] = {
    "messages": _message_call,
    "responses": _response_call,
    "chat": _chat_call,
}


# Asking ------------------------------------------------------------------------------------------


async def asked(
    http: aiohttp.ClientSession, talk: Conversation, text: str, how: str, seed: int
) -> Answer | None:
    """The answer as a stream, slowly or whole; None if it was left before its end."""
    stream = how != "whole"
    async with http.post(PATHS[talk.api], json=talk.body(text, stream, seed)) as reply:
        assert reply.status == 200, await reply.text()
        if not stream:
            return whole(talk.api, await reply.json())
        data = b""
        chunks: Any = reply.content.iter_any()
        async for chunk in chunks:
            data += chunk
            if how == "cancelled" and len(data) > 400 + seed % 2000:
                reply.close()
                return None
            if how == "slow":
                await asyncio.sleep(SLOW)
    return streamed(talk.api, data.decode())
