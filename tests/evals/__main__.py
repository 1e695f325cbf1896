"""`scripts/eval NAME`: run an evaluation, print what it found, and fail if that is not enough."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from . import calls, equality, patches, schemas, soak
from .tally import Tally, table

ENGINES = ("llamacpp", "mlx")
Evaluate = Callable[[str, int], Coroutine[Any, Any, list[Tally]]]
EVALUATIONS: dict[str, tuple[Evaluate, int, int]] = {  # with their sizes, short and long
    "calls": (calls.evaluate, 24, 204),
    "schemas": (schemas.evaluate, 16, 1),  # one schema of so many
    "equality": (equality.evaluate, 10, 1),  # one prompt of so many
    "soak": (soak.evaluate, 0, 300),  # seconds
    "patch": (patches.evaluate, 4, 100),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/eval", description=__doc__)
    parser.add_argument("name", choices=EVALUATIONS)
    parser.add_argument("--long", action="store_true", help="as much as the project asks for")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only this one")
    options = parser.parse_args()
    evaluate, short, long = EVALUATIONS[options.name]
    tallies: list[Tally] = []
    for engine in options.engine or ENGINES:
        tallies += asyncio.run(evaluate(engine, long if options.long else short))
    print(table(tallies))
    for line in [*(n for t in tallies for n in t.notes), *(p for t in tallies for p in t.problems)]:
        print(line)
    return any(tally.problems for tally in tallies)


if __name__ == "__main__":
    sys.exit(main())
