"""A name, and pairs of keys and values in tags: `name<arg_key>…</arg_key><arg_value>…</arg_value>`.

String values stand as they are, others as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

from .calls import Calls, Reader
from .objects import NAME, call_object
from .source import Malformed, Source, Wait
from .values import property_of, typed


@dataclass(frozen=True, slots=True)
class Pairs:
    key: str
    key_end: str
    value: str
    value_end: str
    end: str
    separator: str = ""  # behind the name, where a format has one


GLM = Pairs("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "</tool_call>")
LONGCAT = Pairs(
    "<longcat_arg_key>",
    "</longcat_arg_key>",
    "<longcat_arg_value>",
    "</longcat_arg_value>",
    "</longcat_tool_call>",
)
HUNYUAN_CALL = "<tool_call:opensource>"
HUNYUAN = Pairs(
    "<arg_key:opensource>",
    "</arg_key:opensource>",
    "<arg_value:opensource>",
    "</arg_value:opensource>",
    "</tool_call:opensource>",
    "<tool_sep:opensource>",
)


def section(call: str, tags: Pairs, end: str) -> Reader:
    """Calls one behind the other, between the marks of a section."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from source.space()
        more = yield from source.expect(call)
        while more == call:
            yield from pairs(tags)(source, calls)
            more = yield from source.close(call, end)

    return read


def pairs(tags: Pairs) -> Reader:
    def read(source: Source, calls: Calls) -> Wait[None]:
        if (yield from source.space()) == "{":  # some write JSON all the same
            yield from call_object(source, calls)
            yield from source.close(tags.end)
            return
        name, mark = yield from source.until(tags.key, tags.end, limit=NAME)
        name = name.strip().removesuffix(tags.separator).strip()
        if not name or any(char.isspace() or char in "<>{}" for char in name):
            raise Malformed("a name is missing")
        found: dict[str, object] = {}
        while mark == tags.key:
            key, value = yield from _pair(tags, source)
            found[key] = typed(value, property_of(calls.schema(name), key))
            yield from source.space()
            mark = yield from source.expect(tags.key, tags.end)
        calls.whole(name, found)

    return read


def _pair(tags: Pairs, source: Source) -> Wait[tuple[str, str]]:
    key, _ = yield from source.until(tags.key_end)
    yield from source.space()
    yield from source.expect(tags.value)
    start = source.at
    while True:  # the end of a value that counts has another pair behind it, or the call's end
        yield from source.until(tags.value_end)
        end = source.at
        yield from source.space()
        found = yield from source.take(tags.key, tags.end)
        source.at = end
        if found:
            return key.strip(), source.text[start : end - len(tags.value_end)]
