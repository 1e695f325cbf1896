"""Texts that an engine reads without answering: for their embeddings, or for a score.

A reading goes the way of every job, through the worker's bounded queue to the owner thread, but it
takes no slot: what is generated goes on beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .job import Broken, Ended, Job
from .sampling import Sampler
from .worker import Worker

_NOTHING = Sampler(temperature=0, top_p=1, top_k=0, min_p=0, seed=0)


class Reading(Job):
    """The engine writes a row of numbers for each text into `rows`, and then ends the job."""

    slotless = True

    def __init__(self, texts: Sequence[list[int]]) -> None:
        super().__init__([], 0, _NOTHING)
        self.texts = texts
        self.rows: list[Any] = [None] * len(texts)


def pool(pooling: str, rows: Any, size: int, before: Any) -> Any:
    """A text of `size` tokens as one row, as far as it is read; `before` is that without `rows`."""
    match pooling:
        case "mean":
            total = rows.sum(axis=0, dtype="float64") / size
            return total if before is None else before + total
        case "cls":
            return rows[0] if before is None else before
        case _:
            return rows[-1]


async def read(worker: Worker, texts: Sequence[list[int]]) -> list[Any]:
    """The rows of all texts in their order, as arrays; leaving early cancels the work."""
    reading = Reading(texts)
    worker.submit(reading)
    try:
        while True:
            for output in await reading.take():
                match output:
                    case Broken(error):
                        raise error
                    case Ended():
                        return reading.rows
                    case _:
                        pass
    finally:
        worker.cancel(reading)
