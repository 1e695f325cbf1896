"""An engine's crash as the official SDKs see it, in every protocol, streaming and not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from isolating import pid

from polystack.core import Stack

pytestmark = pytest.mark.engine

CRASHED = "the engine's process ended by SIGSEGV; it is being started again"
ENDLESS = "Count to 100."  # which this model never stops doing
STACK: dict[str, Any] = {
    "version": 1,
    "name": "apart",
    "apis": ["messages", "responses", "chat"],
    "providers": {
        "local": {
            "type": "llamacpp",
            "config": {"model": "builtin:tiny", "context": 4096, "isolate": "process"},
        }
    },
}


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with Stack.load(STACK) as stack:
        yield stack


def asked(stack: Stack, api: str, text: str, stream: bool) -> Any:
    claude, gpt = stack.anthropic(max_retries=0), stack.openai(max_retries=0)
    said: Any = [{"role": "user", "content": text}]
    match api:
        case "messages":
            return claude.messages.create(
                model="tiny", messages=said, max_tokens=4000, stream=stream
            )
        case "chat":
            return gpt.chat.completions.create(model="tiny", messages=said, stream=stream)
        case _:
            return gpt.responses.create(model="tiny", input=text, stream=stream)


async def begun(stack: Stack, count: int) -> None:
    async with asyncio.timeout(60):
        while stack.health()["providers"]["local"]["running"] < count:
            await asyncio.sleep(0.001)


async def rest(stream: Any) -> list[Any]:
    return [event async for event in stream]


async def test_whole_answers_become_a_500_that_names_the_signal(stack: Stack) -> None:
    asking = [
        asyncio.create_task(asked(stack, api, ENDLESS, False))
        for api in ("messages", "responses", "chat")
    ]
    await begun(stack, 3)
    os.kill(pid(stack.providers["local"]), signal.SIGSEGV)
    errors = await asyncio.gather(*asking, return_exceptions=True)
    for error in errors:
        assert isinstance(error, anthropic.InternalServerError | openai.InternalServerError)
        assert error.status_code == 500
        assert CRASHED in error.message
    answers = [await asked(stack, api, "Say hello", False) for api in ("messages", "chat")]
    assert answers[0].content[0].text == answers[1].choices[0].message.content


async def test_streams_end_with_their_protocols_error(stack: Stack) -> None:
    streams = {api: await asked(stack, api, ENDLESS, True) for api in ("messages", "chat")}
    responses = await asked(stack, "responses", ENDLESS, True)
    await begun(stack, 3)
    os.kill(pid(stack.providers["local"]), signal.SIGSEGV)
    failures: dict[str, type[Exception]] = {
        "messages": anthropic.APIStatusError,
        "chat": openai.APIError,
    }
    for api, stream in streams.items():
        with pytest.raises(failures[api], match=CRASHED):
            await rest(stream)
    *_, last = await rest(responses)
    assert last.type == "response.failed"
    assert CRASHED in last.response.error.message
    response = await asked(stack, "responses", "Say hello", False)
    assert response.output_text == "Hello! How can I help you today?"


async def test_a_request_that_is_not_running_yet_is_worth_another_try(stack: Stack) -> None:
    running = [await asked(stack, "chat", ENDLESS, True) for _ in range(8)]
    await begun(stack, 8)
    waiting = {
        529: asyncio.create_task(asked(stack, "messages", "Say hello", False)),
        503: asyncio.create_task(asked(stack, "chat", "Say hello", False)),
    }
    async with asyncio.timeout(60):
        while stack.health()["providers"]["local"]["waiting"] < len(waiting):
            await asyncio.sleep(0.001)
    os.kill(pid(stack.providers["local"]), signal.SIGSEGV)
    for status, task in waiting.items():
        error: Any = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(error, anthropic.APIStatusError | openai.APIStatusError)
        assert error.status_code == status
        assert int(error.response.headers["retry-after"]) > 0
        assert CRASHED in error.message
    for stream in running:
        with pytest.raises(openai.APIError, match=CRASHED):
            await rest(stream)
