"""Calls as JSON objects with a name and arguments: alone, in a list, or bare in the answer."""

from __future__ import annotations

import json
import re

from .calls import Calls, Reader
from .nesting import Nesting, NotJSON
from .source import Malformed, Source, Truncated, Wait

NAME = 256  # characters that a tool's name may have

_STRING = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_HEAD = re.compile(
    rf'\{{\s*(?:"type"\s*:\s*"function"\s*,\s*|"tool_call_id"\s*:\s*{_STRING}\s*,\s*)?'
    rf'"(?:tool_)?name"\s*:\s*({_STRING})\s*,'
    r'\s*"(?:arguments|parameters)"\s*:\s*(?=\S)'
)
_ID = re.compile(rf',\s*"id"\s*:\s*{_STRING}\s*\}}')


def call_object(source: Source, calls: Calls) -> Wait[None]:
    """`{"name": …, "arguments": {…}}`. Arguments that come last go out as they come."""
    if (yield from source.space()) != "{":
        raise Malformed("it is no object")
    nesting, start = Nesting(), source.at
    while True:
        head = _HEAD.match(source.text, start)
        if head and source.text[head.end()] == "{" and calls.streams(name := _string(head[1])):
            source.at = head.end()
            yield from arguments(source, calls, name)
            yield from _tail(source, calls)
            return
        try:
            end = nesting.end(source.text[start:])
        except NotJSON:
            raise Malformed("it is no JSON") from None
        if end is not None:
            break
        yield from source.more()
    source.at = start + end
    calls.whole(*_named(source.text[start : source.at]))


def arguments(source: Source, calls: Calls, name: str) -> Wait[None]:
    """The object that begins here is what the tool of this name is called with."""
    if not calls.streams(name):
        calls.whole(name, parsed((yield from source.whole())))
        return
    calls.begin(name)
    yield from source.value(calls.arguments)
    calls.end()


def listed(source: Source, calls: Calls) -> Wait[None]:
    """`[…, …]`: several such objects."""
    if (yield from source.space()) != "[":
        raise Malformed("it is no list")
    source.at += 1
    while True:
        yield from call_object(source, calls)
        yield from source.space()
        if not (yield from source.take(",")):
            break
    yield from source.close("]")


def objects(source: Source, calls: Calls) -> Wait[None]:
    """One object or a list of them."""
    read: Reader = listed if (yield from source.space()) == "[" else call_object
    yield from read(source, calls)


def announced(source: Source, calls: Calls) -> Wait[None]:
    """Look ahead: raises `Malformed` as soon as this is not JSON that begins with the name of an
    offered tool. What no mark has announced is a call only then.
    """
    start = source.at
    yield from source.space()
    yield from source.take("[")
    yield from source.space()
    yield from source.expect("{")
    yield from source.space()
    key = yield from source.expect('"name"', '"type"')
    yield from _colon(source)
    if key == '"type"':
        yield from source.expect('"function"')
        yield from source.space()
        yield from source.expect(",")
        yield from source.space()
        yield from source.expect('"name"')
        yield from _colon(source)
    yield from source.expect('"')
    name, _ = yield from source.until('"', limit=NAME)
    if not calls.offered(_string(f'"{name}"')):
        raise Malformed(f"no tool {name!r} is offered")
    yield from source.space()
    yield from source.expect(",")
    yield from source.space()
    yield from source.expect('"arguments"', '"parameters"')
    source.at = start


def bare(source: Source, calls: Calls) -> Wait[None]:
    """The beginning of an answer that may be a call. The brace that called for it is unread."""
    source.at -= source.mark
    yield from announced(source, calls)
    yield from objects(source, calls)


def parsed(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise Malformed("it is no JSON") from None


def _named(text: str) -> tuple[str, object]:
    call = parsed(text)
    if isinstance(call, dict) and isinstance(inner := call.get("function"), dict):
        call = inner
    if not isinstance(call, dict):
        raise Malformed("it names no tool")
    name = call.get("name", call.get("tool_name"))
    if not isinstance(name, str):
        raise Malformed("it names no tool")
    return name, call.get("arguments", call.get("parameters", {}))


def _tail(source: Source, calls: Calls) -> Wait[None]:
    """The end of the object behind the arguments."""
    if (yield from source.space()) not in ("}", ","):
        return
    try:
        beside = yield from source.whole(1)
    except Truncated:  # no more than the end of the object is missing
        source.at = len(source.text)
        return
    if beside != "}" and not _ID.fullmatch(beside):
        calls.note("a tool call had members beside its name and its arguments")


def _colon(source: Source) -> Wait[None]:
    yield from source.space()
    yield from source.expect(":")
    yield from source.space()


def _string(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]
