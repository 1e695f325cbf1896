"""The tools on offer, the choice among them, and the calls of earlier turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ....core.canon import ir
from . import custom
from .case import Case, changed, place, with_parts
from .names import Names

AUTO = ir.ToolChoice()


def wraps_custom(case: Case) -> bool:
    """Whether custom tools are offered as functions."""
    if case.native or case.api == "responses":
        return False
    return case.api == "messages" or not case.traits.custom_tools


def offered(request: ir.Request, names: Names, case: Case) -> ir.Request:
    """The request with the tools and the choice that the upstream takes."""
    tools = tuple(_tools(request, names, case))
    return changed(request, tools=tools, tool_choice=_choice(request, tools, names, case))


def called(turns: Iterable[ir.Turn], names: Names, case: Case) -> tuple[ir.Turn, ...]:
    """The turns with their calls in the names and the form that the tools are offered in."""
    return tuple(_with_calls(turn, names, case) for turn in turns)


def _with_calls(turn: ir.Turn, names: Names, case: Case) -> ir.Turn:
    return with_parts(turn, tuple(_part(part, names, case) for part in turn.parts))


def _part(part: ir.Part, names: Names, case: Case) -> ir.Part:
    match part:
        case ir.ToolCall(kind="custom") if wraps_custom(case):
            case.losses.mapped(place(part, "messages"), "its free text is wrapped in an object")
            return custom.wrapped(names.renamed(part))
        case ir.ToolCall():
            return names.renamed(part)
        case ir.ToolResult(kind="custom") if wraps_custom(case):
            return replace(part, kind="function")
        case _:
            return part


def _tools(request: ir.Request, names: Names, case: Case) -> Iterator[ir.Tool]:
    described: set[str | None] = {None}
    for tool in request.tools:
        if tool.kind == "server":
            if case.native:
                yield tool
                continue
            at = place(tool, f"tools.{tool.name}")
            case.losses.dropped(at, f"the upstream has no tool of type {tool.type}")
            continue
        named = names.tool(tool)
        if named.namespace != tool.namespace and tool.namespace not in described:
            described.add(tool.namespace)
            named = _introduced(named, tool, case)
        yield named if case.native else _fitted(named, case)


def _introduced(named: ir.Tool, tool: ir.Tool, case: Case) -> ir.Tool:
    """The first tool of a namespace tells what the namespace is for."""
    rest = (tool.extra or {}).get("responses", {}).get("_namespace")
    about = rest.get("description") if isinstance(rest, dict) else None
    if not isinstance(about, str) or not about.strip():
        return named
    at = f"{place(tool, f'tools.{tool.name}')}.namespace.description"
    case.losses.approximated(at, "told in the description of the namespace's first tool")
    description = f"{tool.namespace}: {about}\n\n{tool.description or ''}".rstrip()
    return replace(named, description=description)


def _fitted(tool: ir.Tool, case: Case) -> ir.Tool:
    if tool.kind == "custom" and wraps_custom(case):
        tool = custom.offered(tool, case.losses)
    if tool.kind != "function":
        return tool
    schema: dict[str, ir.JSON] = {"type": "object", **(tool.schema or {})}
    if schema["type"] == "object":
        schema.setdefault("properties", {})
    # Where nothing is said, Responses is strict and the others are not.
    unsaid = None if case.api != "responses" else False
    strict = tool.strict or unsaid
    if schema == tool.schema and strict is tool.strict:
        return tool
    return replace(tool, schema=schema, strict=strict)


# The choice --------------------------------------------------------------------------------------


def _choice(
    request: ir.Request, tools: tuple[ir.Tool, ...], names: Names, case: Case
) -> ir.ToolChoice:
    choice = request.tool_choice
    if not request.tools and choice == AUTO:
        return choice
    at = place(choice, "tool_choice")
    if case.native:
        return _renamed(choice, request, names, case)
    if not case.traits.parallel_flag and choice.parallel is not None:
        if choice.parallel is False:
            case.losses.dropped(case.word("parallel_tool_calls"), "the upstream has no such switch")
        choice = replace(choice, parallel=None)
    if choice.kind == "server" and choice.mode == "named":
        case.losses.dropped(at, f"the upstream has no tool {choice.name}")
        choice = ir.ToolChoice(parallel=choice.parallel, at=choice.at)
    if not tools:
        if choice.mode in ("required", "named"):
            case.losses.dropped(at, "no tool is left to choose from")
        return ir.ToolChoice()
    return _renamed(_allowed(choice, request, case), request, names, case)


def _allowed(choice: ir.ToolChoice, request: ir.Request, case: Case) -> ir.ToolChoice:
    if choice.allowed is None:
        return choice
    callable_ = {tool.name for tool in request.tools if tool.kind != "server"}
    allowed = tuple(name for name in choice.allowed if name in callable_)
    if allowed == choice.allowed:
        return choice
    missing = ", ".join(name for name in choice.allowed if name not in callable_)
    case.losses.dropped(place(choice, "tool_choice"), f"the upstream is not offered {missing}")
    if not allowed:
        return ir.ToolChoice("none", parallel=choice.parallel, at=choice.at)
    return replace(choice, allowed=allowed)


def _renamed(choice: ir.ToolChoice, request: ir.Request, names: Names, case: Case) -> ir.ToolChoice:
    if choice.mode == "named" and choice.kind != "server":
        return _named(choice, request, names, case)
    if choice.allowed is None:
        return choice
    allowed = [t for t in request.tools if t.name in choice.allowed and t.kind != "server"]
    renamed = [names.renamed(tool) for tool in allowed]
    words = tuple(tool.name for tool in renamed)
    if case.api != "responses":
        return replace(choice, allowed=words)
    if case.native and words == choice.allowed:
        return choice
    wires: list[ir.JSON] = [{"type": tool.kind, "name": tool.name} for tool in renamed]
    return replace(choice, allowed=words, extra={"responses": {"_tools": wires}})


def _named(choice: ir.ToolChoice, request: ir.Request, names: Names, case: Case) -> ir.ToolChoice:
    same = [tool for tool in request.tools if tool.name == choice.name]
    tool = next((t for t in same if t.namespace == choice.namespace), same[0] if same else None)
    if tool is None:
        return choice
    named = names.renamed(tool)
    kind = "function" if wraps_custom(case) else choice.kind
    return replace(choice, name=named.name, namespace=named.namespace, kind=kind)
