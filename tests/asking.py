"""Every way to ask through the official SDKs, each ending in the SDK's type of a whole answer.

`raw` folds the events of a stream here, by hand; a helper is the SDK's own fold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion

Api = Literal["messages", "responses", "chat"]
Mode = Literal["whole", "raw", "helper", "async whole", "async helper"]


@dataclass
class Clients:
    """Those of one stack; the asynchronous ones are made where a loop runs for them."""

    url: str
    key: str
    claude: Anthropic
    gpt: OpenAI

    def aclaude(self) -> AsyncAnthropic:
        return AsyncAnthropic(base_url=self.url, api_key=self.key, max_retries=0)

    def agpt(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    async def ask(self, api: Api, mode: Mode, text: str) -> Any:
        match api:
            case "messages":
                return await message_of(self, mode, text)
            case "responses":
                return await response_of(self, mode, text)
            case "chat":
                return await completion_of(self, mode, text)


@contextmanager
def connected(url: str) -> Iterator[Clients]:
    """The clients of the stack of `e2e/parts.yaml`, which asks for a key."""
    key = "test-key"
    with (
        Anthropic(base_url=url, api_key=key, max_retries=0) as claude,
        OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as gpt,
    ):
        yield Clients(url, key, claude, gpt)


# Messages ----------------------------------------------------------------------------------------


async def message_of(clients: Clients, mode: Mode, text: str) -> Any:
    asked: Any = {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    }
    match mode:
        case "whole":
            return clients.claude.messages.create(**asked)
        case "raw":
            return message_from(clients.claude.messages.create(**asked, stream=True))
        case "helper":
            with clients.claude.messages.stream(**asked) as stream:
                return stream.get_final_message()
        case "async whole":
            async with clients.aclaude() as aclaude:
                return await aclaude.messages.create(**asked)
        case "async helper":
            async with clients.aclaude() as aclaude, aclaude.messages.stream(**asked) as astream:
                return await astream.get_final_message()


def message_from(events: Iterable[Any]) -> Any:
    """The message that the raw events make, folded as their documentation says."""
    message: Any = None
    json_of: dict[int, str] = {}
    for event in events:
        match event.type:
            case "message_start":
                message = event.message
            case "content_block_start":
                assert event.index == len(message.content)
                message.content.append(event.content_block)
            case "content_block_delta" if event.delta.type == "input_json_delta":
                so_far = json_of.get(event.index, "")
                json_of[event.index] = so_far + event.delta.partial_json
            case "content_block_delta":
                block, delta = message.content[event.index], event.delta
                match delta.type:
                    case "text_delta":
                        block.text += delta.text
                    case "thinking_delta":
                        block.thinking += delta.thinking
                    case "signature_delta":
                        block.signature = delta.signature
                    case "citations_delta":
                        block.citations = [*(block.citations or ()), delta.citation]
            case "message_delta":
                update(message, event.delta)
                update(message.usage, event.usage)
    for index, text in json_of.items():
        message.content[index].input = json.loads(text)
    return message


def update(known: Any, news: Any) -> None:
    for name in news.model_fields_set:
        setattr(known, name, getattr(news, name))


# Responses ---------------------------------------------------------------------------------------


async def response_of(clients: Clients, mode: Mode, text: str) -> Any:
    asked: Any = {
        "model": "m",
        "input": text,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    }
    match mode:
        case "whole":
            return clients.gpt.responses.create(**asked)
        case "raw":
            last: Any = list(clients.gpt.responses.create(**asked, stream=True))[-1]
            assert last.type == f"response.{last.response.status}"
            return last.response
        case "helper":
            with clients.gpt.responses.stream(**asked) as stream:
                return stream.get_final_response()
        case "async whole":
            async with clients.agpt() as agpt:
                return await agpt.responses.create(**asked)
        case "async helper":
            async with clients.agpt() as agpt, agpt.responses.stream(**asked) as astream:
                return await astream.get_final_response()


# Chat --------------------------------------------------------------------------------------------


async def completion_of(clients: Clients, mode: Mode, text: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": text}]}
    usage: Any = {"stream_options": {"include_usage": True}}
    match mode:
        case "whole":
            return clients.gpt.chat.completions.create(**asked)
        case "raw":
            return completion_from(
                clients.gpt.chat.completions.create(**asked, **usage, stream=True)
            )
        case "helper":
            with clients.gpt.chat.completions.stream(**asked, **usage) as stream:
                return stream.get_final_completion()
        case "async whole":
            async with clients.agpt() as agpt:
                return await agpt.chat.completions.create(**asked)
        case "async helper":
            async with (
                clients.agpt() as agpt,
                agpt.chat.completions.stream(**asked, **usage) as astream,
            ):
                return await astream.get_final_completion()


def completion_from(chunks: Iterable[Any]) -> Any:
    """The completion that the raw chunks make: texts joined, the rest as it came last."""
    merged: dict[str, Any] = {}
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None}
    for chunk in chunks:
        document = chunk.to_dict()
        merged |= document
        for piece in document["choices"]:
            merge(message, piece.pop("delta"))
            tokens = (piece.pop("logprobs", None) or {}).get("content")
            if tokens:
                choice["logprobs"] = {"content": tokens}
            choice |= {name: value for name, value in piece.items() if value is not None}
    merged |= {"choices": [choice], "object": "chat.completion"}
    return ChatCompletion.construct(**merged)


def merge(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        so_far = whole.get(name)
        match value:
            case str() if isinstance(so_far, str) and name not in ("role", "id", "type"):
                whole[name] = so_far + value
            case dict() if isinstance(so_far, dict):
                merge(so_far, value)
            case list() if value and isinstance(value[0], dict) and "index" in value[0]:
                items = whole.setdefault(name, [])
                for item in value:
                    index = item.pop("index")
                    if index == len(items):
                        items.append({})
                    merge(items[index], item)
            case None:
                whole.setdefault(name, None)
            case _:
                whole[name] = value
