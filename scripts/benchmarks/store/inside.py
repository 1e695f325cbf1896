"""What the store itself costs: a record is put, and the same bytes are forced to a file, in turns.

Then many tasks put at once, and in the end records are read among as many as were asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import uuid4

from polystack.core.contract.store import Key, Store, Write

from .timing import Disk, config, made, median, told, verdict

TENANT = f"bench-{uuid4().hex}"
GROUP = 500  # records of one transaction while many are filled in
TASKS = 32

PUT_GOAL = 0.5  # milliseconds above a bare fsync
GET_GOAL = 5.0


async def measure(folder: Path, asked: argparse.Namespace, force: Disk) -> None:
    store = made(asked.type, config(asked.type, str(folder), asked.set))
    await store.start()
    try:
        await measured(store, asked, force)
    finally:
        await store.delete_all(TENANT, "response")
        await store.stop()


async def measured(store: Store, asked: argparse.Namespace, force: Disk) -> None:
    body = random.Random(7).randbytes(asked.size)
    print(f"{store.type}, records of {asked.size} bytes")
    await turns(store, body, force, 50)  # nothing is warm yet
    puts, syncs = await turns(store, body, force, asked.puts)
    above = median(puts) - median(syncs)
    print(f"bare fsync             {told(syncs)}")
    print(f"put                    {told(puts)}")
    print(f"put above bare fsync   p50 {above:7.3f} ms  {verdict(above, PUT_GOAL)}")
    print(
        f"put, {TASKS} at once        {await together(store, body, asked.puts * 2):7.0f} records/s"
    )
    await filled(store, body, asked.records)
    if asked.records:
        gets = await timed(asked.puts, lambda: store.get(key(random.randrange(asked.records))))
        print(f"get among {asked.records:9,}    {told(gets)}  {verdict(median(gets), GET_GOAL)}")


async def turns(
    store: Store, body: bytes, force: Disk, times: int
) -> tuple[Sequence[float], Sequence[float]]:
    puts: list[float] = []
    syncs: list[float] = []
    for _ in range(times):
        puts += await timed(1, lambda: store.put(Key(TENANT, "response", uuid4().hex), body))
        syncs.append(force(body))
    return puts, syncs


async def timed(times: int, call: Callable[[], Awaitable[object]]) -> Sequence[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        await call()
        found.append((time.perf_counter() - start) * 1000)
    return found


async def together(store: Store, body: bytes, times: int) -> float:
    """Records in a second, from tasks that each wait for their own."""

    async def task() -> None:
        for _ in range(times // TASKS):
            await store.put(Key(TENANT, "response", uuid4().hex), body)

    start = time.perf_counter()
    await asyncio.gather(*(task() for _ in range(TASKS)))
    return times // TASKS * TASKS / (time.perf_counter() - start)


async def filled(store: Store, body: bytes, records: int) -> None:
    for first in range(0, records, GROUP):
        numbers = range(first, min(first + GROUP, records))
        await store.put_all([Write(key(number), body) for number in numbers])


def key(number: int) -> Key:
    return Key(TENANT, "response", f"resp_{number:08}")
