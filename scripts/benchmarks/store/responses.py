"""What a stored response costs its client, beside the same one with `store: false`.

A response that is stored, one that is not and a bare fsync take turns: so all three meet the same
disk and the same machine. Whole answers and streams are measured, and streams of many more deltas,
since nothing may be stored per token.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from polystack.core.contract.store import Key, Store, Write
from polystack.core.runtime.call import EVERYBODY

from .server import MODEL, Client, distribution, served
from .timing import Disk, config, made, median, told, verdict

PUT_GOAL = 0.5  # milliseconds above a bare fsync
GET_GOAL = 5.0
WORDS, MANY = 200, 2000  # deltas of an answer
KINDS = ((WORDS, False), (WORDS, True), (MANY, True))
PATH = "/v1/responses"
GROUP = 500  # records of one transaction while many are filled in


async def measure(folder: Path, asked: argparse.Namespace, force: Disk) -> None:
    settings = config(asked.type, str(folder), asked.set)
    entry = {"type": asked.type, "config": settings}
    with served(distribution(folder, (WORDS, MANY), entry)) as port:
        client = Client(port)
        store = made(asked.type, settings)
        await store.start()
        try:
            id, record = await first(client, store, WORDS, asked.size)
            await filled(store, id, record, asked.records)
            client = Client(port)  # an idle connection is closed meanwhile
            print(f"{asked.type}, {asked.records:,} responses of {len(record)} bytes, over HTTP")
            for words, stream in KINDS:
                _, record = await first(client, store, words, asked.size)
                compared(client, words, stream, record, force, asked)
        finally:
            await store.stop()
        retrieved(client, asked)


async def first(client: Client, store: Store, words: int, size: int) -> tuple[str, bytes]:
    """A response, and its record."""
    answer = json.loads(client.send("POST", PATH, body(words, size))[1])
    record = await store.get(Key(EVERYBODY, "response", answer["id"]))
    assert record is not None
    return answer["id"], record


async def filled(store: Store, id: str, record: bytes, records: int) -> None:
    old = id.encode()
    for start in range(0, records, GROUP):
        numbers = range(start, min(start + GROUP, records))
        names = [named(number) for number in numbers]
        await store.put_all(
            [
                Write(Key(EVERYBODY, "response", name), record.replace(old, name.encode()))
                for name in names
            ]
        )


def named(number: int) -> str:
    return f"resp_{number:032x}"


def compared(
    client: Client, words: int, stream: bool, record: bytes, force: Disk, asked: argparse.Namespace
) -> None:
    stored = body(words, asked.size, stream)
    unstored = body(words, asked.size, stream, store=False)
    found = []
    for turn in range(asked.puts + 50):  # nothing is warm yet in the first ones
        times = client.send("POST", PATH, unstored)[0], client.send("POST", PATH, stored)[0]
        if turn >= 50:
            found.append((*times, force(record)))
    without, with_store, sync = (list(times) for times in zip(*found, strict=True))
    above = median(with_store) - median(without) - median(sync)
    kind = "a stream" if stream else "a whole answer"
    print(f"{kind} of {words} deltas, kept in {len(record)} bytes")
    print(f"  bare fsync             {told(sync)}")
    print(f"  store: false           {told(without)}")
    print(f"  stored                 {told(with_store)}")
    print(f"  above both             p50 {above:7.3f} ms  {verdict(above, PUT_GOAL)}")


def retrieved(client: Client, asked: argparse.Namespace) -> None:
    if asked.records:
        paths = (f"{PATH}/{named(random.randrange(asked.records))}" for _ in range(asked.puts))
        times = [client.send("GET", path)[0] for path in paths]
        found = verdict(median(times), GET_GOAL)
        print(f"retrieved among {asked.records:9,} {told(times)}  {found}")


def body(words: int, size: int, stream: bool = False, store: bool = True) -> bytes:
    text = "x" * size + f" words {words}"
    return json.dumps({"model": MODEL, "input": text, "stream": stream, "store": store}).encode()
