"""Gemma's calls: `call:NAME{key:value,…}`, with a token of their own for quotation marks."""

from __future__ import annotations

from dataclasses import dataclass

from .calls import Calls, Reader
from .literals import Literals, word
from .source import Source, Wait


@dataclass(frozen=True, slots=True)
class Marks:
    begin: str
    end: str
    quote: str


GEMMA4 = Marks("<|tool_call>", "<tool_call|>", '<|"|>')
FUNCTION_GEMMA = Marks("<start_function_call>", "<end_function_call>", "<escape>")


def called(marks: Marks) -> Reader:
    literals = Literals((marks.quote, '"'), escapes=False)

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from source.space()
        yield from source.expect("call:")
        name = yield from word(source)
        found = yield from literals.mapping(source)
        yield from source.close(marks.end)
        calls.whole(name, found)

    return read
