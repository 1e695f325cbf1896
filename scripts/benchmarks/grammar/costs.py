"""Milliseconds to compile, and microseconds for each token, along a valid document."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

import numpy

from polystack.providers.llamacpp.native import Vocabulary

from .cases import CASES, Case
from .libraries import Library, Refused

T = TypeVar("T")
ROUNDS = 5


def report(words: Vocabulary, libraries: list[Library]) -> None:
    print(f"\nA vocabulary of {words.size:,} tokens\n")
    print("| schema | library | compile, ms | mask, µs p50 | p99 | accept, µs |")
    print("|---|---|--:|--:|--:|--:|")
    for case in CASES:
        for library in libraries:
            print(f"| {case.name} | {library.name} | {_row(words, case, library)} |", flush=True)


def _row(words: Vocabulary, case: Case, library: Library) -> str:
    compiling: list[float] = []
    masks: list[float] = []
    accepts: list[float] = []
    logits = numpy.zeros(words.size, numpy.float32)
    try:
        for _ in range(ROUNDS):
            seconds, compiled = _timed(partial(library.compile, case.schema))
            compiling.append(seconds)
    except Refused as refused:
        return f"refused: {refused} | | |"
    for _ in range(2):
        match = library.start(compiled)
        for token in words.tokenize(case.text, False):
            row = logits.copy()
            masks.append(_timed(partial(match.mask, row))[0])
            seconds, taken = _timed(partial(match.accept, token))
            accepts.append(seconds)
            if not taken:
                return f"refuses {words.piece(token)!r} of a valid document | | |"
    return (
        f"{min(compiling) * 1e3:.2f} | {median(masks) * 1e6:,.0f} | "
        f"{sorted(masks)[int(len(masks) * 0.99)] * 1e6:,.0f} | {median(accepts) * 1e6:.1f}"
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found
