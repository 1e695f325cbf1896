"""Tokens per second and the time to the first text, for a number of streams that begin at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from .running import Running
from .sample import Refused
from .setup import Setup, counting
from .systems import Row, System

WARMUP = 16  # tokens
FEW = 2  # rounds of what is slow


@contextmanager
def started(
    systems: Sequence[System], setup: Setup, work: Path, notes: list[str]
) -> Iterator[list[Running]]:
    """All that start; what does not is noted."""
    with ExitStack() as stack:
        running = []
        for system in systems:
            try:
                one = Running(system, setup, work / system.name.replace("/", "-"))
            except (Refused, OSError) as error:
                notes.append(f"{system.name} is missing: {error}")
                continue
            stack.callback(one.stop)
            running.append(one)
        yield running


def measure(
    running: Sequence[Running],
    model: str,
    streams: Sequence[int],
    tokens: int,
    rounds: int,
    notes: list[str],
) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    rows = [(one, row) for one in running for row in one.system.rows]
    for many in streams:
        for round in range(rounds):
            # Each is first in turn: whoever comes after a busy one may find it still at work.
            first = round % max(1, len(rows))
            for one, row in rows[first:] + rows[:first]:
                if one.system.slow and many > 1 and round >= FEW:
                    continue
                labels = {"model": model, "row": row.name, "streams": many, "round": round}
                try:
                    # The caches still hold what the contestant before had there.
                    one.run(row, counting(next(numbers), many), WARMUP)
                    sample = _sample(one, row, counting(next(numbers), many), tokens)
                    if sample["tokens"] != many * tokens:
                        wanted = f"{sample['tokens']} of {many * tokens} tokens"
                        notes.append(f"{row.name} gave {wanted} at {many} in round {round + 1}")
                    yield labels | sample
                except (Refused, OSError) as error:
                    notes.append(f"{row.name} failed at {many} in round {round + 1}: {error}")


def _sample(one: Running, row: Row, prompts: list[str], tokens: int) -> dict[str, Any]:
    before = one.process.thread_time()
    sample = one.run(row, prompts, tokens)
    cpu = (one.process.thread_time() - before) * 1e6 / sample.tokens
    print(
        f"{row.name} x{len(prompts)}: {sample.rate:.0f} tokens/s, "
        f"{cpu:.0f} µs each, first text after {sample.first_p50 * 1e3:.0f} ms",
        file=sys.stderr,
    )
    return {**sample.document(), "cpu_us": cpu}
