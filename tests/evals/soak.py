"""Sixteen conversations at once, for as long as is wanted, with a server over loopback.

They call tools, are left in the middle and read slowly. Each has a secret of its own that no other
may ever hear. In the end no slot is taken, and the server has the size that it had.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from dialects import PATHS, Answer
from serving import served

from .conversing import Conversation, asked
from .running import distribution
from .tally import Tally
from .tools import TOOLS

TALKS = 16
TURNS, FEW = 20, 5  # of a conversation
TEXTS = [
    "What is the secret word?",
    "Count from 1 to 30",
    "What is the weather in Paris?",
    "Find user 17",
    "Repeat after me: \"{word}\"",
    "Say hello",
]  # fmt: skip
HOWS = ["stream", "stream", "whole", "slow", "cancelled"]
GROWTH = 0.05  # of the server, at most
SETTLED = 30  # seconds for slots to come free


async def evaluate(engine: str, seconds: int) -> list[Tally]:
    """For so many seconds; 0 is one short conversation each."""
    tally = Tally(f"{engine}, turns of {TALKS} conversations", least=TALKS * FEW // 3)
    talkers = Talkers(tally, TURNS if seconds else FEW, time.monotonic() + seconds)
    with _server(engine) as (url, process):
        sizes: list[int] = []
        watch = asyncio.create_task(_watched(process, sizes)) if seconds else None
        async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as http:
            await asyncio.gather(*(talkers.talk(http, number) for number in range(TALKS)))
            await _settled(http, tally)
        if watch is not None:
            watch.cancel()
            _flat(tally, sizes)
    return [tally]


@contextmanager
def _server(engine: str) -> Iterator[tuple[str, int]]:
    config = {"slots": TALKS, "cache_memory": "32MiB"}  # soon full, so that it grows no more
    with TemporaryDirectory() as folder:
        file = Path(folder) / "soak.json"
        file.write_text(json.dumps(distribution(engine, **config)))
        with served(file) as found:
            yield found


class Talkers:
    def __init__(self, tally: Tally, turns: int, until: float) -> None:
        self._tally = tally
        self._turns = turns
        self._until = until
        self._secrets: dict[str, int] = {}  # whose they are

    async def talk(self, http: aiohttp.ClientSession, number: int) -> None:
        """One conversation after another."""
        rng = random.Random(number)
        for round in count():
            if round and time.monotonic() >= self._until:
                return
            secret = _word(rng)
            self._secrets[secret] = number
            system = f"You are a test assistant. The secret word is {secret}."
            api = list(PATHS)[(number + round) % len(PATHS)]
            talk = Conversation(api, system, [TOOLS[0], TOOLS[2]])
            for turn in range(self._turns):
                text = TEXTS[0] if not turn else rng.choice(TEXTS).format(word=_word(rng))
                how = rng.choice(HOWS)
                answer = await asked(http, talk, text, how, rng.randrange(10**6))
                self._heard(number, secret, talk, text, answer)

    def _heard(
        self, number: int, secret: str, talk: Conversation, text: str, answer: Answer | None
    ) -> None:
        if answer is None:
            self._tally.add("left")
            return
        heard = f"{answer.text} {answer.reasoning} {answer.calls}"
        others = [word for word, owner in self._secrets.items() if owner != number]
        if found := [word for word in others if word in heard]:
            self._tally.add("invalid", f"{number} heard {found}, of another, in {heard!r}")
            return
        self._tally.add("valid")
        self._tally.counts["own secret"] += secret in heard
        self._tally.counts["calls"] += bool(answer.calls)
        talk.keep(text, answer)


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4))


async def _settled(http: aiohttp.ClientSession, tally: Tally) -> None:
    """Nothing runs and nothing waits, soon after the last answer."""
    for _ in range(SETTLED * 10):
        async with http.get("/health") as reply:
            told = (await reply.json())["providers"]["tiny"]
        if not told["running"] and not told["waiting"]:
            return
        await asyncio.sleep(0.1)
    tally.add("invalid", f"after the last answer there still is {told}")


async def _watched(process: int, sizes: list[int]) -> None:
    """What the server takes, every second."""
    while True:
        sizes.append(_size(process))
        await asyncio.sleep(1)


def _size(process: int) -> int:
    """In KiB, of a process under Linux."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])


def _flat(tally: Tally, sizes: list[int]) -> None:
    """The last fifth of the time, against the second."""
    fifth = len(sizes) // 5
    warm, end = max(sizes[fifth : 2 * fifth]), max(sizes[-fifth:])
    told = f"{sizes[0] >> 10} MiB at first, {warm >> 10} when warm, {end >> 10} at the end"
    if end > warm * (1 + GROWTH):
        tally.add("invalid", f"the server has grown: {told}")
    else:
        tally.notes.append(f"{tally.name}: {told}")
