"""Streams that a client of the official SDKs closes early: the work behind them ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from asking import Clients

HANG: Any = [{"role": "user", "content": "hang"}]
PATIENCE = 10  # seconds; the answer itself would never end

# Each opens a stream of an answer that hangs after its first words.
STREAMS: dict[str, Callable[[Clients], AbstractContextManager[Any]]] = {
    "messages": lambda c: c.claude.messages.create(
        model="m", max_tokens=9, messages=HANG, stream=True
    ),
    "messages helper": lambda c: c.claude.messages.stream(model="m", max_tokens=9, messages=HANG),
    "responses": lambda c: c.gpt.responses.create(model="m", input="hang", stream=True),
    "responses helper": lambda c: c.gpt.responses.stream(model="m", input="hang"),
    "chat": lambda c: c.gpt.chat.completions.create(model="m", messages=HANG, stream=True),
    "chat helper": lambda c: c.gpt.chat.completions.stream(model="m", messages=HANG),
}


def running(url: str) -> int:
    health = httpx2.get(f"{url}/health").json()
    count: int = health["providers"]["demo"]["running"]
    return count


def until_running(url: str, wanted: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (now := running(url)) != wanted:
        assert time.monotonic() < deadline, f"{now} answers are running, not {wanted}"


@pytest.fixture
def idle(clients: Clients) -> Iterator[str]:
    """The stack's URL, while nothing runs there before or after the test."""
    until_running(clients.url, 0)
    yield clients.url
    until_running(clients.url, 0)


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_is_closed_ends_its_work(clients: Clients, idle: str, way: str) -> None:
    with STREAMS[way](clients) as stream:
        next(iter(stream))
        assert running(idle) == 1
    until_running(idle, 0)


def test_closing_one_stream_leaves_the_others(clients: Clients, idle: str) -> None:
    with ExitStack() as rest:
        streams = [rest.enter_context(open_(clients)) for open_ in STREAMS.values()]
        for stream in streams:
            next(iter(stream))
        assert running(idle) == len(STREAMS)
        with STREAMS["messages"](clients) as extra:
            next(iter(extra))
        until_running(idle, len(STREAMS))


async def test_cancelling_a_task_ends_the_work_of_its_stream(clients: Clients, idle: str) -> None:
    async def read(started: asyncio.Event) -> None:
        async with clients.agpt() as agpt:
            stream = await agpt.responses.create(model="m", input="hang", stream=True)
            async for _ in stream:
                started.set()

    started = asyncio.Event()
    task = asyncio.create_task(read(started))
    await started.wait()
    assert running(idle) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_client_that_loses_patience_ends_the_work(clients: Clients, idle: str) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        clients.claude.with_options(timeout=0.2).messages.create(
            model="m", max_tokens=9, messages=HANG
        )
    with pytest.raises(openai.APITimeoutError):
        clients.gpt.with_options(timeout=0.2).responses.create(model="m", input="hang")


def test_the_stack_answers_after_all_that(clients: Clients, idle: str) -> None:
    assert clients.gpt.responses.create(model="m", input="plain").output_text == "Hello é😀"
