"""Calls as Python writes them: `[get_weather(city="Paris"), get_time(city="Rome", days=5)]`."""

from __future__ import annotations

from .calls import Calls, Reader
from .literals import PYTHON, separated, word
from .source import Malformed, Source, Wait

FENCE, FENCE_END = "```tool_code", "```"
_PRINT = "print("


def listed(*ends: str) -> Reader:
    """A list of calls behind a mark, and the mark that ends it."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from source.space()
        yield from source.expect("[")
        yield from _list(source, calls)
        if ends:
            yield from source.close(*ends)

    return read


def bare(source: Source, calls: Calls) -> Wait[None]:
    """A part of an answer that begins with `[`: a list of calls if a tool's name comes next."""
    yield from _announced(source, calls)
    yield from _list(source, calls)


def fenced(source: Source, calls: Calls) -> Wait[None]:
    """Calls in a block of code, one behind the other."""
    while True:
        yield from source.space()
        printed = yield from source.take(_PRINT)
        yield from call(source, calls)
        if printed:
            yield from source.close(")")
        char = yield from source.space()
        if not char or (yield from source.close(FENCE_END)):
            return


def call(source: Source, calls: Calls) -> Wait[None]:
    """`NAME(key=value, …)`, or `NAME.call(…)`"""
    name = yield from word(source)
    yield from source.expect("(")
    found: dict[str, object] = {}
    yield from source.space()
    while not (yield from source.take(")")):
        key = yield from word(source)
        yield from source.space()
        yield from source.expect("=")
        found[key] = yield from PYTHON.value(source)
        yield from separated(source, ")")
    calls.whole(name if calls.offered(name) else name.removesuffix(".call"), found)


def _list(source: Source, calls: Calls) -> Wait[None]:
    yield from source.space()
    while True:
        yield from call(source, calls)
        yield from separated(source, "]")
        if (yield from source.take("]")):
            return


def _announced(source: Source, calls: Calls) -> Wait[None]:
    start = source.at
    yield from source.space()
    name = yield from word(source)
    yield from source.expect("(")
    if not calls.offered(name):
        raise Malformed(f"no tool {name!r} is offered")
    source.at = start
