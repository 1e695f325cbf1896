"""What is told of one contestant over HTTP beside its speed: the first text of a conversation's
turns, when a waiting request begins after another's cancellation, and memory over many requests.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from . import client, ours
from .running import Running
from .sample import Refused
from .setup import counting

HISTORY = 1000  # tokens; the vocabularies here have one for each digit
QUESTION = "Repeat this: 12"  # which the tiny model answers without a thought
SHORT = 8  # tokens of an answer of which only the beginning matters
ENDLESS = 900  # tokens of an answer that is not to end by itself
REQUESTS = 1000
AT_ONCE = 8

Told = dict[str, float]


def first_texts(one: Running, rounds: int) -> Told:
    """Milliseconds to the first text of a first turn, and of the next."""
    cold, cached = [], []
    for _ in range(rounds):
        history = "".join(random.choices("123456789", k=HISTORY))
        cold.append(_first(one, [history]))
        cached.append(_first(one, [history, "Yes.", QUESTION]))
    sooner = median(a / b for a, b in zip(cold, cached, strict=True))
    return {"cold_ms": median(cold), "cached_ms": median(cached), "sooner": sooner}


def _first(one: Running, turns: Sequence[str]) -> float:
    document = client.body("chat", ours.MODEL, turns, SHORT)
    answers, _ = client.ask(one.port, "chat", [document])
    return answers[0].first * 1e3


def cancelled(one: Running, slots: int, rounds: int) -> Told:
    """Milliseconds from a closed connection, with all slots taken, to a waiting one's first text.

    The other streams run on meanwhile.
    """
    return {"takes_over_ms": median(_taken_over(one, slots) for _ in range(rounds))}


def _taken_over(one: Running, slots: int) -> float:
    *texts, late = counting(random.randrange(100), slots + 1)
    streams = [_stream(one, text) for text in texts]
    try:
        client.until(streams, lambda: all(stream.begun for stream in streams))
        waiting = _stream(one, late)
        streams.append(waiting)
        client.until(streams, _after(0.1))
        began = time.perf_counter()
        streams.pop(0).socket.close()
        client.until(streams, lambda: waiting.begun)
        return (time.perf_counter() - began) * 1e3
    finally:
        for stream in streams:
            stream.socket.close()
        time.sleep(0.2)  # for the server to see it


def _after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


def _stream(one: Running, text: str) -> client.Stream:
    stream = client.Stream(one.port, "chat", client.body("chat", ours.MODEL, [text], ENDLESS))
    stream.send()
    return stream


def memory(one: Running, requests: int) -> Told:
    """Resident megabytes after a tenth of the requests, and after all."""
    row = next(row for row in one.system.rows if row.protocol == "chat")
    resident = []
    for run in range(requests // AT_ONCE):
        one.run(row, counting(run, AT_ONCE), SHORT)
        if run + 1 in (requests // AT_ONCE // 10, requests // AT_ONCE):
            resident.append(one.process.memory())
    return {"memory_early": resident[0], "memory_late": resident[-1]}


def measure(
    running: Sequence[Running], slots: int, rounds: int, requests: int, notes: list[str]
) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {one.system.name: {} for one in running}
    for one in running:
        parts: list[Callable[[Running], Told]] = [lambda one: first_texts(one, rounds)]
        if not one.system.slow:
            parts.append(lambda one: cancelled(one, slots, rounds))
            parts.append(lambda one: memory(one, requests))
        for part in parts if requests else parts[:1]:
            try:
                told[one.system.name] |= part(one)
            except (Refused, OSError) as error:
                notes.append(f"{one.system.name} failed: {error}")
    return told
