"""Does the installed engine work? `python -m polystack.providers.llamacpp.doctor`

Prints one line of JSON and exits with 0 or 1. A build that does not suit the processor does not
fail, it crashes, and only on the first batch of many tokens of a quantised model: so this decodes
one, and whoever runs it must do so in a process of its own and take a signal for an answer.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ..local.config import BUILTIN
from ..local.doctor import tell
from .native import REMEDY, Context, Model, Span, Vocabulary, library

TOKENS = 64


def check() -> dict[str, Any]:
    lib = library()
    import llama_cpp

    report: dict[str, Any] = {"llama_cpp": llama_cpp.__version__, "n_tokens": TOKENS}
    model = Model(lib, BUILTIN["builtin:tiny"], 0)
    try:
        tokens = (Vocabulary(model).tokenize("one two three four " * TOKENS))[:TOKENS]
        threads = os.cpu_count() or 1
        context = Context(
            model, cells=256, sequences=1, batch=TOKENS, threads=threads, unified=False
        )
        try:
            code, rows = context.decode([Span(0, 0, tokens, True)])
            finite = code == 0 and abs(float(context.logits(rows[0]).sum())) < float("inf")
        finally:
            context.close()
    finally:
        model.close()
    return {"ok": bool(finite), "code": code, **report}


def main() -> int:
    return tell("llama_cpp", REMEDY, check)


if __name__ == "__main__":
    sys.exit(main())
