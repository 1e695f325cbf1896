"""What it costs to keep an answer, and to find it again among many.

`scripts/bench store [--type sqlite] [--set url=...] [--records 100000] [--size 8000]`. A record is
put, the same bytes are appended to a file and forced to the disk, and so on in turns: so both meet
the same disk and the same machine, whatever else runs on it. Then many tasks put at once, and in
the end records are read among as many as were asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from polystack.core.contract.store import Key, Store, Write
from polystack.core.runtime.plugins import Plugins

TENANT = f"bench-{uuid4().hex}"
GROUP = 500  # records of one transaction while many are filled in
TASKS = 32

BOUNDS = {"max_records": 10_000_000, "max_bytes": "1TB"}  # nothing is swept meanwhile
PUT_GOAL = 0.5  # milliseconds above a bare fsync
GET_GOAL = 5.0


async def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        store = made(asked.type, folder, asked.set)
        await store.start()
        try:
            await measure(store, Path(folder), asked)
        finally:
            await store.delete_all(TENANT, "response")
            await store.stop()


async def measure(store: Store, folder: Path, asked: argparse.Namespace) -> None:
    body = random.Random(7).randbytes(asked.size)
    print(f"{store.type}, records of {asked.size} bytes")
    with disk(folder) as force:
        await turns(store, body, force, 50)  # nothing is warm yet
        puts, syncs = await turns(store, body, force, asked.puts)
    above = statistics.median(puts) - statistics.median(syncs)
    print(f"bare fsync             {told(syncs)}")
    print(f"put                    {told(puts)}")
    print(f"put above bare fsync   p50 {above:7.3f} ms  {verdict(above, PUT_GOAL)}")
    print(
        f"put, {TASKS} at once        {await together(store, body, asked.puts * 2):7.0f} records/s"
    )
    await filled(store, body, asked.records)
    gets = await timed(asked.puts, lambda: store.get(key(random.randrange(asked.records))))
    print(f"get among {asked.records:9,}    {told(gets)}  {verdict(median(gets), GET_GOAL)}")


async def turns(
    store: Store, body: bytes, force: Callable[[bytes], None], times: int
) -> tuple[Sequence[float], Sequence[float]]:
    puts: list[float] = []
    syncs: list[float] = []
    for _ in range(times):
        puts += await timed(1, lambda: store.put(Key(TENANT, "response", uuid4().hex), body))
        start = time.perf_counter()
        force(body)
        syncs.append((time.perf_counter() - start) * 1000)
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


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Appends to a file, and waits until it is on the disk."""
    with (folder / "bare").open("wb", buffering=0) as file:

        def force(content: bytes) -> None:
            file.write(content)
            os.fsync(file.fileno())

        yield force


def made(type: str, folder: str, given: Sequence[str]) -> Store:
    kind = Plugins().store(type)
    config = {"path": f"{folder}/store.db"} if type == "sqlite" else {}
    config |= dict(each.split("=", 1) for each in given)
    return kind(
        kind.Config.model_validate({"max_records": 10_000_000, "max_bytes": "1TB"} | config)
    )


def median(times: Sequence[float]) -> float:
    return statistics.median(times)


def told(times: Sequence[float]) -> str:
    last = sorted(times)[int(len(times) * 0.99)]
    return f"p50 {median(times):7.3f} ms  p99 {last:7.3f} ms"


def verdict(found: float, goal: float) -> str:
    return f"{'within' if found <= goal else 'MISSES'} {goal:g} ms"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench store", description=__doc__)
    parser.add_argument("--type", default="sqlite", help="the store's type")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=8000, help="bytes of a record")
    parser.add_argument("--puts", type=int, default=1000)
    parser.add_argument("--folder", help="where files are made; the usual place by default")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
