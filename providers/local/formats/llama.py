"""Llama 3: `{"name": …, "parameters": {…}}`, bare or behind a mark; several with `;` between."""

from __future__ import annotations

from .calls import Calls
from .objects import bare, objects
from .pythonic import call
from .source import Source, Wait

PYTHON = "<|python_tag|>"


def tagged(source: Source, calls: Calls) -> Wait[None]:
    """JSON, or the call of a built-in tool as Python writes it."""
    while True:
        if (yield from source.space()) in ("{", "["):
            yield from objects(source, calls)
        else:
            yield from call(source, calls)
        if not (yield from _more(source)):
            return


def untagged(source: Source, calls: Calls) -> Wait[None]:
    yield from bare(source, calls)
    yield from _more(source)


def _more(source: Source) -> Wait[bool]:
    """Skip what stands between two calls, if it does."""
    start = source.at
    yield from source.space()
    if (yield from source.take(";")) and (yield from source.space()) == "{":
        return True
    source.at = start
    return False
