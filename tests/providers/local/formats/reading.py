"""Reads what a model wrote in a format, whole or in pieces, into canonical parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, Literal

from hypothesis import strategies as st

from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar
from polystack.providers.local.formats.reasoning import REASONING
from polystack.providers.local.formats.table import FORMATS
from polystack.providers.local.parser import Offered, Parser

PROPERTIES: dict[str, ir.JSON] = {
    "city": {"type": "string"},
    "days": {"type": "integer"},
    "ratio": {"type": "number"},
    "metric": {"type": "boolean"},
    "where": {"type": "object"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "maybe": {"type": ["string", "null"]},
}
SCHEMA: ir.Object = {"type": "object", "properties": PROPERTIES}
TOOLS = {
    "get_weather": Offered("get_weather", schema=SCHEMA),
    "get_time": Offered("get_time", schema=SCHEMA),
    "files__read": Offered("read", "function", "files"),
    "apply_patch": Offered("apply_patch", "custom"),
}


def parser(
    tool_format: str,
    reasoning_format: str = "think",
    *,
    tools: Mapping[str, Offered] | None = TOOLS,
    thinking: bool = False,
    parallel: bool = True,
    stop: tuple[str, ...] = (),
    malformed: Literal["text", "error"] = "text",
) -> Parser:
    numbers = count(1)
    return Parser(
        lambda: f"call_{next(numbers)}",
        tools,
        thinking=thinking,
        parallel=parallel,
        stop=stop,
        tool_format=FORMATS[tool_format],
        reasoning_format=REASONING[reasoning_format],
        malformed=malformed,
    )


def events(machine: Parser, chunks: Iterable[str], cut: bool = False) -> list[ir.Event]:
    found = [event for chunk in chunks for event in machine.feed(chunk)]
    return found + machine.close(cut)


def fold(found: list[ir.Event]) -> list[ir.Part]:
    """The parts of these events, which have to keep the order that the grammar demands."""
    whole = [ir.Started("1", "m"), *found, ir.Finished(ir.Stop("end"))]
    grammar = Grammar()
    for event in whole:
        grammar.feed(event)
    return list(collect(whole).parts)


def read(machine: Parser, chunks: Iterable[str], cut: bool = False) -> list[ir.Part]:
    return fold(events(machine, chunks, cut))


def call(name: str, arguments: Mapping[str, Any], number: int = 1) -> ir.ToolCall:
    return ir.ToolCall(f"call_{number}", name, json.dumps(arguments, ensure_ascii=False))


def normal(parts: Iterable[ir.Part]) -> list[ir.Part]:
    """The same with the JSON of arguments spelled in one way."""
    return [
        ir.ToolCall(part.id, part.name, json.dumps(json.loads(part.arguments), ensure_ascii=False))
        if isinstance(part, ir.ToolCall) and part.kind == "function" and not part.namespace
        else part
        for part in parts
    ]


words = st.text("ab \n\"'\\{}[]<>/|=:,é", max_size=10)


def texts(*fragments: str) -> st.SearchStrategy[str]:
    """What a model may write that knows these marks and whole calls, and has gone astray."""
    return st.lists(words | st.sampled_from(fragments), max_size=9).map("".join)
