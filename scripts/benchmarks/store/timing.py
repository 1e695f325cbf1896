"""Times, how they are told, and the disk that they are told beside."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from polystack.core.contract.store import Store
from polystack.core.runtime.plugins import Plugins

Disk: TypeAlias = Callable[[bytes], float]
BOUNDS = {"max_records": 10_000_000, "max_bytes": "1TB"}  # nothing is swept meanwhile


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Appends to a file, and waits until it is on the disk; how many milliseconds."""
    with (folder / "bare").open("wb", buffering=0) as file:

        def force(content: bytes) -> float:
            start = time.perf_counter()
            file.write(content)
            os.fsync(file.fileno())
            return (time.perf_counter() - start) * 1000

        yield force


def config(type: str, folder: str, given: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {"path": f"{folder}/store.db"} if type == "sqlite" else {}
    return {**BOUNDS, **found, **dict(each.split("=", 1) for each in given)}


def made(type: str, settings: dict[str, object]) -> Store:
    kind = Plugins().store(type)
    return kind(kind.Config.model_validate(settings))


def median(times: Sequence[float]) -> float:
    return statistics.median(times)


def told(times: Sequence[float]) -> str:
    last = sorted(times)[int(len(times) * 0.99)]
    return f"p50 {median(times):7.3f} ms  p99 {last:7.3f} ms"


def verdict(found: float, goal: float) -> str:
    return f"{'within' if found <= goal else 'MISSES'} {goal:g} ms"
