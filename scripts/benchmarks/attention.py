"""What llama.cpp's flash attention costs and saves on a processor: `scripts/bench attention`.

Milliseconds of a step without and with it, after conversations of some lengths: one row for each
of some streams, as when all of them write, and some rows of one, as when it reads a prompt. The
two take turns, and the figure is the median.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from polystack.providers.llamacpp.native import Context, Model, Span, library
from polystack.providers.local.config import BUILTIN

HISTORIES = 30, 200, 1000  # tokens
STREAMS = 1, 4, 16
ROWS = 20, 64, 240
CONTEXT, CHUNK = 1536, 256
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench attention", description=__doc__)
    parser.add_argument("--model", type=Path, default=BUILTIN["builtin:tiny"], help="a GGUF file")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    model = Model(library(), options.model, 0)
    contexts = [_context(model, options.threads, flash) for flash in (False, True)]
    print("| tokens before | rows | whole, ms | flash, ms |\n|--:|---|--:|--:|")
    for before in HISTORIES:
        for context in contexts:
            _read(context, before)
        for name, spans in _steps(before):
            whole, flash = _medians(contexts, spans)
            print(f"| {before} | {name} | {whole:.2f} | {flash:.2f} |", flush=True)


def _context(model: Model, threads: int, flash: bool) -> Context:
    many = max(STREAMS)
    return Context(
        model,
        cells=CONTEXT * many,
        sequences=many,
        batch=512,
        threads=threads,
        unified=False,
        flash=flash,
    )


def _read(context: Context, size: int) -> None:
    """Fill all sequences with some text; what it says does not matter."""
    context.forget_all()
    for start in range(0, size, CHUNK):
        context.decode([Span(0, start, _text(min(CHUNK, size - start)), 1)])
    for other in range(1, max(STREAMS)):
        context.copy(0, other)


def _steps(before: int) -> Iterator[tuple[str, Sequence[Span]]]:
    for many in STREAMS:
        yield f"1 each of {many}", [Span(id, before, _text(1), 1) for id in range(many)]
    for rows in ROWS:
        yield f"{rows} of one", [Span(0, before, _text(rows), 1)]


def _text(size: int) -> list[int]:
    return [random.randrange(100, 200) for _ in range(size)]


def _medians(contexts: Sequence[Context], spans: Sequence[Span]) -> list[float]:
    found: list[list[float]] = [[] for _ in contexts]
    for _ in range(TIMES):
        for context, times in zip(contexts, found, strict=True):
            began = time.perf_counter()
            context.decode(spans)
            times.append((time.perf_counter() - began) * 1e3)
            for span in spans:
                context.forget(span.sequence, span.start)
    return [median(times) for times in found]


if __name__ == "__main__":
    main()
