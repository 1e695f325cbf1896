"""Many clients at once: each gets its own answer, and those that leave give their slot back."""

from __future__ import annotations

import asyncio
import random

import httpx2
import pytest
from dialects import PATHS, Answer, Prompt, request, streamed

pytestmark = pytest.mark.engine

STREAMS = 16
ROUNDS = 3


def prompt_of(number: int) -> Prompt:
    """A prompt whose greedy answer nobody else's can be taken for."""
    return Prompt(f"Count from {number + 1} to {number + 12}")


async def ask(client: httpx2.AsyncClient, api: str, number: int) -> Answer:
    body = request(api, prompt_of(number), "tiny", stream=True)
    answer = await client.post(PATHS[api], json=body)
    assert answer.status_code == 200, answer.text
    return streamed(api, answer.text)


async def leave(client: httpx2.AsyncClient, api: str, lines: int) -> None:
    """Ask for a long answer, and hang up after some lines of it."""
    body = request(api, Prompt("Count to 100."), "tiny", stream=True)
    async with client.stream("POST", PATHS[api], json=body) as answer:
        assert answer.status_code == 200
        async for _ in answer.aiter_lines():
            lines -= 1
            if lines <= 0:
                return


async def status(client: httpx2.AsyncClient) -> dict[str, int]:
    health = (await client.get("/health")).json()
    found: dict[str, int] = health["providers"]["tiny"]
    return found


async def until_running(client: httpx2.AsyncClient, wanted: bool) -> None:
    """Return once anything, or nothing at all, is running or waiting."""
    async with asyncio.timeout(10):
        now = await status(client)
        while bool(now["running"] + now["waiting"]) is not wanted:
            now = await status(client)


async def test_sixteen_streams_with_random_cancellations(tiny: str) -> None:
    rng = random.Random(7)
    apis = list(PATHS)
    limits = httpx2.Limits(max_connections=64)
    async with httpx2.AsyncClient(base_url=tiny, timeout=60, limits=limits) as client:
        alone = [await ask(client, apis[i % 3], i) for i in range(STREAMS)]
        assert len({answer.text for answer in alone}) == STREAMS
        for _ in range(ROUNDS):
            asked = [ask(client, rng.choice(apis), i) for i in range(STREAMS)]
            left = [leave(client, rng.choice(apis), rng.randrange(1, 60)) for _ in range(8)]
            together, _gone = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*left))
            assert together == alone
        await until_running(client, False)
        assert (await status(client))["slots"] == 8


async def test_a_client_that_leaves_a_whole_answer_frees_its_slot(tiny: str) -> None:
    async with httpx2.AsyncClient(base_url=tiny, timeout=60) as client:
        body = request("messages", Prompt("Count to 100."), "tiny", stream=False)
        task = asyncio.create_task(
            client.post(PATHS["messages"], json=body | {"max_tokens": 30000})
        )
        await until_running(client, True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until_running(client, False)
