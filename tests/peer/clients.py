"""Asking a stack through the official SDKs, whose accumulators put the streams together.

An answer comes back as a document, once its SDK's own type has found all of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from anthropic import Anthropic
from anthropic.types import Message
from openai import OpenAI
from openai.types.chat import ChatCompletion
from openai.types.responses import Response


@dataclass(frozen=True)
class Clients:
    claude: Anthropic
    gpt: OpenAI

    def ask(self, api: str, body: dict[str, Any], stream: bool) -> dict[str, Any]:
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


@contextmanager
def connected(url: str) -> Iterator[Clients]:
    with (
        Anthropic(base_url=url, api_key="client-key", max_retries=0) as claude,
        OpenAI(base_url=f"{url}/v1", api_key="client-key", max_retries=0) as gpt,
    ):
        yield Clients(claude, gpt)
