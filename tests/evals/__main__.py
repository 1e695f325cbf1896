"""`scripts/eval NAME`: run an evaluation, print what it found, and fail if that is not enough."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from . import calls
from .tally import Tally, table

ENGINES = ("llamacpp", "mlx")
SIZES = {False: {"calls": 24}, True: {"calls": 204}}  # short and long
EVALUATIONS: dict[str, Callable[[str, int], Awaitable[list[Tally]]]] = {"calls": calls.evaluate}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/eval", description=__doc__)
    parser.add_argument("name", choices=EVALUATIONS)
    parser.add_argument("--long", action="store_true", help="as much as the project asks for")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only this one")
    options = parser.parse_args()
    evaluate, size = EVALUATIONS[options.name], SIZES[options.long][options.name]
    tallies: list[Tally] = []
    for engine in options.engine or ENGINES:
        tallies += asyncio.run(evaluate(engine, size))  # type: ignore[arg-type]
    print(table(tallies))
    for line in [*(n for t in tallies for n in t.notes), *(p for t in tallies for p in t.problems)]:
        print(line)
    return any(tally.problems for tally in tallies)


if __name__ == "__main__":
    sys.exit(main())
