"""JSON objects between two marks, one or several: most formats but for the marks."""

from __future__ import annotations

from .calls import Calls, Reader
from .objects import announced, objects
from .source import Source, Wait

FENCE, FENCE_END = "```json", "```"


def marked(end: str = "") -> Reader:
    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from objects(source, calls)
        while (yield from _another(source)):
            yield from objects(source, calls)
        if end:
            yield from source.close(end)

    return read


def fenced(source: Source, calls: Calls) -> Wait[None]:
    """A block of JSON that may be a call: it names an offered tool."""
    yield from announced(source, calls)
    yield from objects(source, calls)
    yield from source.close(FENCE_END)


def _another(source: Source) -> Wait[bool]:
    start = source.at
    found = (yield from source.space()) in ("{", "[")
    source.at = start
    return found
