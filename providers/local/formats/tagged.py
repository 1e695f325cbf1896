"""Calls in tags: a function's name, then each parameter's in tags of its own.

The values are plain text, so what they are is for the tool's schema to say. A call is told when it
is whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .calls import Calls, Reader
from .objects import NAME, call_object
from .source import Malformed, Source, Wait
from .values import property_of, typed

_NAME = re.compile(r'(?:name=)?"([^"]*)"|\'([^\']*)\'|([^\s"\'<>]+)')
_STRING = re.compile(r'\bstring="(true|false)"')


@dataclass(frozen=True, slots=True)
class Tags:
    """`<function=NAME>…</function>`, and so on; the opening ones end where the name begins."""

    function: str
    function_end: str
    parameter: str
    parameter_end: str
    section_end: str
    quotes: tuple[str, str] = ("", "")  # that may stand around a value


QWEN = Tags("<function=", "</function>", "<parameter=", "</parameter>", "</tool_call>")
SEED = Tags("<function=", "</function>", "<parameter=", "</parameter>", "</seed:tool_call>")
MINIMAX = Tags(
    "<invoke name=", "</invoke>", "<parameter name=", "</parameter>", "</minimax:tool_call>"
)
DSML = Tags(
    "<｜DSML｜invoke name=",
    "</｜DSML｜invoke>",
    "<｜DSML｜parameter name=",
    "</｜DSML｜parameter>",
    "</｜DSML｜function_calls>",
)
MINICPM = Tags(
    "<function name=", "</function>", "<param name=", "</param>", "", ("<![CDATA[", "]]>")
)
DSML4 = replace(DSML, section_end="</｜DSML｜tool_calls>")


def section(tags: Tags) -> Reader:
    """What stands between the marks of a section: functions, one after another."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        if (yield from source.space()) == "{":  # some write JSON all the same
            yield from call_object(source, calls)
        else:
            yield from source.expect(tags.function)
            yield from _functions(tags, source, calls)
        yield from source.close(tags.section_end)

    return read


def function(tags: Tags) -> Reader:
    """A function without a section around it, which models leave out at times."""

    def read(source: Source, calls: Calls) -> Wait[None]:
        yield from _functions(tags, source, calls)
        yield from source.close(tags.section_end)

    return read


def _functions(tags: Tags, source: Source, calls: Calls) -> Wait[None]:
    more = "begun"
    while more:
        yield from _function(tags, source, calls)
        yield from source.space()
        more = yield from source.take(tags.function)


def _function(tags: Tags, source: Source, calls: Calls) -> Wait[None]:
    name, _ = yield from _name(source)
    schema = calls.schema(name)
    found: dict[str, object] = {}
    while True:
        yield from source.space()
        if (yield from source.expect(tags.parameter, tags.function_end)) == tags.function_end:
            break
        key, is_text = yield from _name(source)
        value = _trimmed((yield from _value(tags, source)), tags.quotes)
        kind = property_of(schema, key)
        if is_text is not None and kind is None:
            kind = {"type": "string"} if is_text else None
        found[key] = typed(value, kind)
    calls.whole(name, found)


def _name(source: Source) -> Wait[tuple[str, bool | None]]:
    """The name in an opening tag, and whether the tag says that text follows."""
    head, _ = yield from source.until(">", limit=NAME)
    found = _NAME.match(head.strip())
    name = found and (found[1] or found[2] or found[3])
    if not name:
        raise Malformed("a name is missing")
    said = _STRING.search(head)
    return name, None if said is None else said[1] == "true"


def _value(tags: Tags, source: Source) -> Wait[str]:
    """A parameter's text. It may have the very tag in it that ends it: the one that counts has
    another parameter behind it, or the end of the function.
    """
    start = source.at
    while True:
        yield from source.until(tags.parameter_end)
        end = source.at
        yield from source.space()
        if (yield from source.take(tags.parameter, tags.function_end)):
            source.at = end
            return source.text[start : end - len(tags.parameter_end)]
        source.at = end


def _trimmed(text: str, quotes: tuple[str, str]) -> str:
    """Without the quotes, or the line ends that belong to the tags."""
    if quotes[0] and text.startswith(quotes[0]) and text.endswith(quotes[1]):
        return text[len(quotes[0]) : -len(quotes[1])]
    return text.removeprefix("\n").removesuffix("\n")
