"""A stack with the tiny model on one engine, and a client that asks it with no socket between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from polystack.core import Stack

WAVE = 24  # requests at a time


def distribution(engine: str, **config: Any) -> dict[str, Any]:
    settings = {"model": "builtin:tiny", "context": 4096, "slots": 16, "max_queue": 2 * WAVE}
    return {
        "version": 1,
        "name": "evaluation",
        "apis": ["messages", "responses", "chat"],
        "providers": {"tiny": {"type": engine, "config": settings | config}},
        "models": {"tiny": {"provider": "tiny"}},
        "default_model": "tiny",
    }


@asynccontextmanager
async def asked(engine: str, **config: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        Stack.load(distribution(engine, **config)) as stack,
        httpx2.AsyncClient(
            transport=stack.transport(), base_url="http://stack", timeout=None, trust_env=False
        ) as client,
    ):
        yield client


def frames(body: str) -> list[dict[str, Any]]:
    """The events of a stream."""
    data = (line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: "))
    return [json.loads(each) for each in data if each != "[DONE]"]
