"""`scripts/bench grammar`: the figures of `docs/benchmarks.md`, part by part."""

from __future__ import annotations

import argparse
from pathlib import Path

from polystack.providers.local.config import BUILTIN

from . import costs, coverage
from .libraries import Gbnf, Guidance, Library, vocabulary


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench grammar", description=__doc__)
    parser.add_argument(
        "--vocab", type=Path, action="append", default=[], help="a GGUF file, for its vocabulary"
    )
    parser.add_argument("--suite", type=Path, help="a checkout of the JSON Schema Test Suite")
    options = parser.parse_args()
    for path in [BUILTIN["builtin:tiny"], *options.vocab]:
        words = vocabulary(path)
        libraries: list[Library] = [Guidance(words), Gbnf(words)]
        costs.report(words, libraries)
    if options.suite is not None:
        words = vocabulary(BUILTIN["builtin:tiny"])
        coverage.report(words, [Guidance(words), Gbnf(words)], options.suite)


if __name__ == "__main__":
    main()
