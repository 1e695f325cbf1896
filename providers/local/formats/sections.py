"""Sections of calls, each between marks of its own: a name, a mark, and arguments in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .calls import Calls, Reader
from .objects import NAME, arguments
from .source import Malformed, Source, Wait

_KIMI = re.compile(r"(?:functions\.)?([\w.-]+?)(?::\d+)?")
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Section:
    """`name` reads a call's head, up to where its arguments begin."""

    begin: str
    end: str
    call: str
    call_end: str
    separator: str
    name: Callable[[Section, Source], Wait[str]]

    @property
    def marks(self) -> tuple[str, ...]:
        return self.begin, self.end, self.call, self.call_end, self.separator


def _kimi(form: Section, source: Source) -> Wait[str]:
    """`functions.NAME:NUMBER`"""
    head, _ = yield from source.until(form.separator, limit=NAME)
    found = _KIMI.fullmatch(head.strip())
    if found is None:
        raise Malformed("a name is missing")
    return found[1]


def _deepseek(form: Section, source: Source) -> Wait[str]:
    """`NAME<sep>{…}` since V3.1; before, `function<sep>NAME` and the arguments in a fence."""
    head, _ = yield from source.until(form.separator, limit=NAME)
    if (yield from source.space()) != "{":
        head, _ = yield from source.until(_FENCE, limit=NAME)
        yield from source.take("json")
    name = head.strip()
    if not name or any(char.isspace() for char in name):
        raise Malformed("a name is missing")
    return name


KIMI = Section(
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_end|>",
    "<|tool_call_argument_begin|>",
    _kimi,
)
DEEPSEEK = Section(
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    _deepseek,
)


def opened(form: Section) -> Reader:
    """Behind the mark that begins a section."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from source.space()
        yield from source.expect(form.call)
        yield from _calls(form, source, calls)

    return read


def called(form: Section) -> Reader:
    """Behind the mark that begins a call, where the section's own is missing."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from _calls(form, source, calls)

    return read


def _calls(form: Section, source: Source, calls: Calls) -> Wait[None]:
    more = form.call
    while more == form.call:
        name = yield from form.name(form, source)
        if (yield from source.space()) == "{":
            yield from arguments(source, calls, name)
        else:  # a call without arguments
            yield from source.expect(form.call_end)
            calls.whole(name, {})
        yield from source.close(_FENCE)
        yield from source.close(form.call_end)
        more = yield from source.close(form.call, form.end)
