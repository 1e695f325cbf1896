"""A process that uses a store; `store_process.py TYPE CONFIG WORK NAME` is run by tests of many.

`writing`: write without end, from several tasks at once, and print the name of each group of
records when the store has acknowledged it. `racing`: fight for keys and count, and print what was
won.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable

from polystack.core.contract.store import Key, Store, Write
from polystack.core.runtime.plugins import Plugins

TENANT = "ann"
GROUP = 3  # records that are written together
WRITERS = 8
KEYS = 40  # that are fought for
COUNTS = 20  # of each process


def record(id: str) -> bytes:
    """What is written under an id: long enough for several pages of a database."""
    return hashlib.sha256(id.encode()).digest() * 300


def key(id: str, kind: str = "response") -> Key:
    return Key(TENANT, kind, id)


def told(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # whole, whatever happens then


async def writing(store: Store, name: str) -> None:
    async def writer(number: int) -> None:
        group = 0
        while True:
            begun = f"{name}.{number}.{group}"
            ids = [f"{begun}.{n}" for n in range(GROUP)]
            await store.put_all([Write(key(id), record(id)) for id in ids])
            told(begun)
            group += 1

    await asyncio.gather(*map(writer, range(WRITERS)))


async def racing(store: Store, name: str) -> None:
    async def fight(number: int) -> None:
        if await store.swap(key(str(number), "fought"), name.encode(), None):
            told(str(number))

    told("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*map(fight, range(KEYS)))
    for _ in range(COUNTS):
        while not await _counted(store):
            pass


async def _counted(store: Store) -> bool:
    was = await store.get(key("count"))
    return await store.swap(key("count"), b"%d" % (int(was or 0) + 1), was)


WORK: dict[str, Callable[[Store, str], Awaitable[None]]] = {"writing": writing, "racing": racing}


async def main(type: str, config: str, work: str, name: str) -> None:
    kind = Plugins().store(type)
    store = kind(kind.Config.model_validate(json.loads(config)))
    await store.start()
    await WORK[work](store, name)
    await store.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
