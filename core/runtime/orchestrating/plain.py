"""Tools that the client runs under a type of its protocol, as the functions they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from ...canon import ir


def plain(request: ir.Request) -> ir.Request:
    """For a model that knows functions only; server tools and their calls stay what they are."""
    taken = {tool.name for tool in request.tools if tool.kind != "server"}
    tools = tuple(_tool(tool, taken) for tool in request.tools)
    turns = tuple(each for turn in request.turns for each in _turns(turn))
    if tools == request.tools and turns == request.turns:
        return request
    choice = request.tool_choice
    if choice.kind == "server" and any(
        t.kind == "function" and t.name == choice.name for t in tools
    ):
        choice = replace(choice, kind="function", extra=None)
    return replace(request, tools=tools, turns=turns, tool_choice=choice)


def _tool(tool: ir.Tool, taken: set[str]) -> ir.Tool:
    function = tool.function
    return tool if function is None or function.name in taken else function


def _turns(turn: ir.Turn) -> Iterator[ir.Turn]:
    if not any(_is_plain(part) for part in turn.parts):
        yield turn
        return
    parts = [each for part in turn.parts for each in _parts(part)]
    for answers, group in groupby(parts, key=lambda part: isinstance(part, ir.ToolResult)):
        yield ir.Turn("user" if answers else turn.role, tuple(group), at=turn.at)


def _parts(part: ir.Part) -> tuple[ir.Part, ...]:
    return part.meaning if isinstance(part, ir.Opaque) and _is_plain(part) else (part,)


def _is_plain(part: ir.Part) -> bool:
    """Whether a part means calls or results of functions, and nothing that runs here."""
    if not isinstance(part, ir.Opaque) or not part.meaning:
        return False
    kinds = (ir.ToolCall, ir.ToolResult)
    return all(isinstance(each, kinds) and each.kind != "server" for each in part.meaning)
