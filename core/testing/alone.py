"""An event loop for one check, which also ends where a provider does not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ROUNDS = 10  # cancellations of what does not end


def run(check: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, but that a task which swallows its cancellation is left behind."""
    if asyncio._get_running_loop() is not None:
        check.close()
        raise RuntimeError("a check runs an event loop of its own: call it in a plain `def` test")
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(check)
    finally:
        loop.run_until_complete(_quiet())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _quiet() -> None:
    await asyncio.get_running_loop().shutdown_asyncgens()
    for _ in range(ROUNDS):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.01)
