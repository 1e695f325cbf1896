"""Errors as the official SDKs raise them: before the start, in mid-stream, and for a bad key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from asking import Clients
from openai import AsyncOpenAI, OpenAI

# Kind, Messages' status and exception, OpenAI's status and exception.
ERRORS: list[tuple[str, int, type[Exception], int, type[Exception]]] = [
    ("invalid_request", 400, anthropic.BadRequestError, 400, openai.BadRequestError),
    ("authentication", 401, anthropic.AuthenticationError, 401, openai.AuthenticationError),
    ("permission", 403, anthropic.PermissionDeniedError, 403, openai.PermissionDeniedError),
    ("not_found", 404, anthropic.NotFoundError, 404, openai.NotFoundError),
    ("conflict", 409, anthropic.ConflictError, 409, openai.ConflictError),
    ("too_large", 413, anthropic.APIStatusError, 413, openai.APIStatusError),
    ("rate_limited", 429, anthropic.RateLimitError, 429, openai.RateLimitError),
    ("overloaded", 529, anthropic.InternalServerError, 503, openai.InternalServerError),
    ("internal", 500, anthropic.InternalServerError, 500, openai.InternalServerError),
    ("upstream", 502, anthropic.InternalServerError, 502, openai.InternalServerError),
    ("timeout", 504, anthropic.InternalServerError, 504, openai.InternalServerError),
]
TYPES = {  # Messages' own words, by which its clients decide
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "rate_limited": "rate_limit_error",
    "overloaded": "overloaded_error",
    "internal": "api_error",
    "upstream": "api_error",
    "timeout": "timeout_error",
}
whole_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def said(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def to_messages(text: str) -> dict[str, Any]:
    return said(text) | {"max_tokens": 9}


# Before the start --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status", "exception"), [row[:3] for row in ERRORS])
@whole_and_streamed
def test_messages_errors_before_the_start(
    claude: Anthropic, kind: str, status: int, exception: type[Exception], stream: bool
) -> None:
    with pytest.raises(exception, match="scripted") as raised:
        claude.messages.create(**to_messages(f"error {kind}"), stream=stream)
    error: Any = raised.value
    assert (error.status_code, error.body["error"]["type"]) == (status, TYPES[kind])
    assert error.request_id == error.body["request_id"]


@pytest.mark.parametrize(
    ("kind", "status", "exception"), [(row[0], row[3], row[4]) for row in ERRORS]
)
@whole_and_streamed
def test_openai_errors_before_the_start(
    gpt: OpenAI, kind: str, status: int, exception: type[Exception], stream: bool
) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: gpt.responses.create(model="m", input=f"error {kind}", stream=stream),
        lambda: gpt.chat.completions.create(**said(f"error {kind}"), stream=stream),
    ]
    for ask in asks:
        with pytest.raises(exception, match="scripted") as raised:
            ask()
        error: Any = raised.value
        assert error.status_code == status
        assert error.request_id.startswith("req_")


async def test_asynchronous_clients_raise_the_same(clients: Clients) -> None:
    async with clients.aclaude() as aclaude:
        with pytest.raises(anthropic.RateLimitError, match="scripted"):
            await aclaude.messages.create(**to_messages("error rate_limited"))
        with pytest.raises(anthropic.OverloadedError, match="scripted"):
            async with aclaude.messages.stream(**to_messages("error overloaded")) as stream:
                await stream.until_done()
    async with clients.agpt() as agpt:
        with pytest.raises(openai.RateLimitError, match="scripted"):
            await agpt.responses.create(model="m", input="error rate_limited", stream=True)
        with pytest.raises(openai.RateLimitError, match="scripted"):
            await agpt.chat.completions.create(**said("error rate_limited"))


def test_a_full_context_has_each_protocols_own_words(claude: Anthropic, gpt: OpenAI) -> None:
    words = "prompt is too long: 9000 tokens > 4096 maximum"
    with pytest.raises(anthropic.BadRequestError, match=words):
        claude.messages.create(**to_messages("error overflow"))
    with pytest.raises(openai.BadRequestError, match=words) as response:
        gpt.responses.create(model="m", input="error overflow")
    with pytest.raises(openai.BadRequestError, match=words) as completion:
        gpt.chat.completions.create(**said("error overflow"))
    assert response.value.code == completion.value.code == "context_length_exceeded"
    assert (response.value.param, completion.value.param) == ("input", "messages")


def test_a_client_that_retries_is_told_when(claude: Anthropic, gpt: OpenAI) -> None:
    with pytest.raises(anthropic.RateLimitError) as limited:
        claude.messages.create(**to_messages("error rate_limited"))
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.RateLimitError) as limited_too:
        gpt.responses.create(model="m", input="error rate_limited")
    assert limited_too.value.response.headers["retry-after"] == "7"


# In mid-stream -----------------------------------------------------------------------------------


def until_it_breaks(stream: Iterable[Any], exception: type[Exception]) -> list[Any]:
    """What came before the exception."""
    seen: list[Any] = []
    with pytest.raises(exception, match="broken"):
        seen.extend(stream)
    return seen


def test_a_message_that_breaks_off_raises(claude: Anthropic) -> None:
    raw = claude.messages.create(**to_messages("midway"), stream=True)
    with claude.messages.stream(**to_messages("midway")) as helper:
        for stream in (raw, helper):
            kinds = [event.type for event in until_it_breaks(stream, anthropic.APIStatusError)]
            assert "content_block_delta" in kinds
            assert "message_stop" not in kinds
        assert helper.current_message_snapshot.content[0].text == "half"  # type: ignore[union-attr]


def test_a_completion_that_breaks_off_raises(gpt: OpenAI) -> None:
    raw = gpt.chat.completions.create(**said("midway"), stream=True)
    chunks = until_it_breaks(raw, openai.APIError)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "half"
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
    with gpt.chat.completions.stream(**said("midway")) as helper:
        events = until_it_breaks(helper, openai.APIError)
    assert [event.delta for event in events if event.type == "content.delta"] == ["half"]


def test_a_response_that_breaks_off_has_failed(gpt: OpenAI) -> None:
    raw = list(gpt.responses.create(model="m", input="midway", stream=True))
    with gpt.responses.stream(model="m", input="midway") as stream:
        helped = list(stream)
    for events in (raw, helped):
        last: Any = events[-1]
        assert last.type == "response.failed"
        assert (last.response.status, last.response.error.message) == ("failed", "broken")
        assert [e.delta for e in events if e.type == "response.output_text.delta"] == ["half"]


def test_a_whole_answer_that_breaks_off_is_an_error(claude: Anthropic, gpt: OpenAI) -> None:
    with pytest.raises(anthropic.InternalServerError, match="broken"):
        claude.messages.create(**to_messages("midway"))
    with pytest.raises(openai.InternalServerError, match="broken"):
        gpt.responses.create(model="m", input="midway")
    with pytest.raises(openai.InternalServerError, match="broken"):
        gpt.chat.completions.create(**said("midway"))


# Keys --------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_an_authentication_error(clients: Clients) -> None:
    url, wrong = clients.url, "wrong-key"
    with Anthropic(base_url=url, api_key=wrong, max_retries=0) as claude:
        with pytest.raises(anthropic.AuthenticationError, match="not one of this stack's keys"):
            claude.messages.create(**to_messages("plain"))
        with pytest.raises(anthropic.AuthenticationError):
            claude.models.list()
        with pytest.raises(anthropic.AuthenticationError):
            claude.messages.count_tokens(**said("plain"))
    with OpenAI(base_url=f"{url}/v1", api_key=wrong, max_retries=0) as gpt:
        with pytest.raises(openai.AuthenticationError, match="not one of this stack's") as refused:
            gpt.responses.create(model="m", input="plain", stream=True)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            gpt.models.list()
    async with AsyncAnthropic(base_url=url, auth_token=clients.key, max_retries=0) as aclaude:
        assert (await aclaude.messages.create(**to_messages("plain"))).content
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=wrong, max_retries=0) as agpt:
        with pytest.raises(openai.AuthenticationError):
            await agpt.chat.completions.create(**said("plain"))
