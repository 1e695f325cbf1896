"""Asking a stack through the official SDKs, whose accumulators put the streams together.

An answer comes back as a document, once its SDK's own type has found all of its fields.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion
from openai.types.responses import Response


@dataclass(frozen=True)
class Clients:
    claude: Anthropic
    gpt: OpenAI

    def ask(self, api: str, body: dict[str, Any], stream: bool) -> dict[str, Any]:
        body = accepted(self.claude.messages.create, body) if api == "messages" else body
        match api, stream:
            case "messages", False:
                return _message(self.claude.messages.create(**body))
            case "messages", True:
                return _message(self._streamed_message(body))
            case "responses", False:
                return _response(self.gpt.responses.create(**body))
            case "responses", True:
                return _response(self._streamed_response(body))
            case "chat", False:
                return _completion(self.gpt.chat.completions.create(**body))
            case _:
                return _completion(self._streamed_completion(body))

    def headers(self, api: str, body: dict[str, Any]) -> Mapping[str, str]:
        """Those of a whole answer."""
        create: Any = {
            "messages": self.claude.messages.with_raw_response.create,
            "responses": self.gpt.responses.with_raw_response.create,
            "chat": self.gpt.chat.completions.with_raw_response.create,
        }[api]
        if api == "messages":
            body = accepted(self.claude.messages.create, body)
        headers: Mapping[str, str] = create(**body).headers
        return headers

    def _streamed_message(self, body: dict[str, Any]) -> Any:
        with self.claude.messages.stream(**body) as stream:
            return stream.get_final_message()

    def _streamed_response(self, body: dict[str, Any]) -> Any:
        with self.gpt.responses.stream(**body) as stream:
            last: Any = list(stream)[-1]  # the helper's own method knows completed ones only
        assert last.type == f"response.{last.response.status}"
        return last.response

    def _streamed_completion(self, body: dict[str, Any]) -> Any:
        usage: Any = {"include_usage": True}
        with self.gpt.chat.completions.stream(**body, stream_options=usage) as stream:
            for _ in stream:
                pass
            return stream.current_completion_snapshot  # its final one raises for a cut answer


def accepted(method: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """The body as arguments of an SDK's method, what it does not know beside them."""
    known = signature(method).parameters
    beside = {name: value for name, value in body.items() if name not in known}
    named = {name: value for name, value in body.items() if name in known}
    return named | ({"extra_body": beside} if beside else {})


def _message(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.to_dict()
    Message.model_validate(document)
    return document


def _response(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.to_dict()
    Response.model_validate(document)
    return document


def _completion(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.to_dict()
    ChatCompletion.model_validate(document)
    return document


@dataclass(frozen=True)
class AsyncClients:
    claude: AsyncAnthropic
    gpt: AsyncOpenAI

    async def ask(self, api: str, body: dict[str, Any], stream: bool) -> dict[str, Any]:
        body = accepted(self.claude.messages.create, body) if api == "messages" else body
        match api, stream:
            case "messages", False:
                return _message(await self.claude.messages.create(**body))
            case "messages", True:
                async with self.claude.messages.stream(**body) as messages:
                    return _message(await messages.get_final_message())
            case "responses", False:
                return _response(await self.gpt.responses.create(**body))
            case "responses", True:
                async with self.gpt.responses.stream(**body) as responses:
                    events: list[Any] = [event async for event in responses]
                assert events[-1].type == f"response.{events[-1].response.status}"
                return _response(events[-1].response)
            case "chat", False:
                return _completion(await self.gpt.chat.completions.create(**body))
            case _:
                usage: Any = {"include_usage": True}
                async with self.gpt.chat.completions.stream(**body, stream_options=usage) as chat:
                    async for _ in chat:
                        pass
                    return _completion(chat.current_completion_snapshot)


@contextmanager
def connected(url: str) -> Iterator[Clients]:
    with (
        Anthropic(base_url=url, api_key="client-key", max_retries=0) as claude,
        OpenAI(base_url=f"{url}/v1", api_key="client-key", max_retries=0) as gpt,
    ):
        yield Clients(claude, gpt)


@asynccontextmanager
async def async_connected(url: str) -> AsyncIterator[AsyncClients]:
    async with (
        AsyncAnthropic(base_url=url, api_key="client-key", max_retries=0) as claude,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="client-key", max_retries=0) as gpt,
    ):
        yield AsyncClients(claude, gpt)
