"""Tools and the choice among them, in both directions.

Functions and custom tools are what they are everywhere. A namespace is flattened: its tools carry
its name, and the first of them the rest of it (`_namespace`). Tools of any other type are server
tools; their fields are kept whole in `extra`. Tools that came in an `additional_tools` item stand
with the request's other tools and remember their item (`_item`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from ..toolservers import TYPE, server_of
from . import schema
from .builtin import function_of
from .extras import NAME, extra, given, is_native, note_foreign, own, remembered, unnamed

FREE = {"type": "text"}  # the format of a custom tool that takes anything


def decode_tools(tools: Sequence[schema.Tool], at: str) -> tuple[ir.Tool, ...]:
    """One list of tools, flattened; a function's name may occur once in each namespace."""
    decoded: list[ir.Tool] = []
    seen: set[tuple[str | None, str]] = set()
    for tool in _flatten(tools, at):
        key = tool.namespace, tool.name
        if tool.kind != "server":
            if key in seen:
                param = f"{tool.at}.name"
                raise InvalidRequest(f"{param}: {tool.name!r} is defined twice", param=param)
            seen.add(key)
        decoded.append(tool)
    return tuple(decoded)


def from_item(tools: tuple[ir.Tool, ...], item: Document) -> tuple[ir.Tool, ...]:
    """The tools of an `additional_tools` item, each remembering it."""
    return tuple(replace(tool, extra=extra(_entries(tool), {"_item": item})) for tool in tools)


def found_by(tools: tuple[ir.Tool, ...]) -> tuple[ir.Tool, ...]:
    """The tools that a search has found: they stand in its output, and nowhere else."""
    return tuple(replace(tool, extra=extra(_entries(tool), {"_found": True})) for tool in tools)


def without_doubles(tools: Iterable[ir.Tool]) -> tuple[ir.Tool, ...]:
    """Without what was found and is on offer already."""
    kept: list[ir.Tool] = []
    seen: set[tuple[str | None, str]] = set()
    for tool in tools:
        if remembered(tool, "_found") is None or (tool.namespace, tool.name) not in seen:
            kept.append(tool)
        seen.add((tool.namespace, tool.name))
    return tuple(kept)


def _flatten(
    tools: Iterable[schema.Tool], at: str, namespace: str | None = None
) -> Iterator[ir.Tool]:
    for i, tool in enumerate(tools):
        path = f"{at}.{i}"
        if isinstance(tool, schema.NamespaceTool) and namespace is not None:
            message = f"{path}: a namespace cannot stand inside a namespace; put it beside"
            raise InvalidRequest(message, param=path)
        if isinstance(tool, schema.NamespaceTool) and tool.tools:
            first, *others = _flatten(tool.tools, f"{path}.tools", tool.name)
            yield replace(first, extra=extra(_entries(first), {"_namespace": unnamed(tool)}))
            yield from others
        else:
            yield _decode_tool(tool, path, namespace)


def _entries(tool: ir.Tool) -> dict[str, Any]:
    return dict((tool.extra or {}).get(NAME, {}))


def _decode_tool(tool: schema.Tool, at: str, namespace: str | None) -> ir.Tool:
    kept = unnamed(tool)
    match tool:
        case schema.FunctionTool():
            return ir.Tool(
                tool.name,
                tool.description,
                tool.parameters,
                strict=tool.strict,
                namespace=namespace,
                extra=extra(kept),
                at=at,
            )
        case schema.CustomTool():
            grammar = _decode_grammar(tool.format, f"{at}.format")
            if tool.format is not None and grammar is None:
                kept["_format" if tool.format == FREE else "format"] = tool.format
            return ir.Tool(
                tool.name,
                tool.description,
                kind="custom",
                namespace=namespace,
                grammar=grammar,
                extra=extra(kept),
                at=at,
            )
        case schema.NamespaceTool(name=name):
            return _server_tool("namespace", kept | {"name": name, "tools": []}, at, namespace)
        case schema.Unknown(type=kind):
            found = _server_tool(kind, kept, at, namespace)
            if kind == TYPE:
                return replace(found, server=server_of(kept, at))
            return replace(found, function=function_of(kind, kept, at))


def _server_tool(kind: str, kept: dict[str, Any], at: str, namespace: str | None) -> ir.Tool:
    name = kept.get("name")
    return ir.Tool(
        name if isinstance(name, str) else kind,
        kind="server",
        type=kind,
        namespace=namespace,
        extra={NAME: kept},
        at=at,
    )


def _decode_grammar(format: dict[str, Any] | None, at: str) -> ir.ToolGrammar | None:
    if format is None or format.get("type") != "grammar":
        return None
    for name in ("syntax", "definition"):
        if not isinstance(format.get(name), str):
            raise InvalidRequest(f"{at}.{name}: a string is required", param=f"{at}.{name}")
    kept = {key: format[key] for key in format.keys() - {"type", "syntax", "definition"}}
    return ir.ToolGrammar(format["syntax"], format["definition"], extra=extra(kept), at=at)


# The way back ------------------------------------------------------------------------------------


def own_tools(request: ir.Request) -> tuple[ir.Tool, ...]:
    """The tools of the request's own field `tools`."""
    elsewhere = ("_item", "_found")
    return tuple(
        tool
        for tool in request.tools
        if all(remembered(tool, place) is None for place in elsewhere)
    )


def item_tools(request: ir.Request) -> list[tuple[Document, list[ir.Tool]]]:
    """The `additional_tools` items with their tools, in their order."""
    items: list[tuple[Document, list[ir.Tool]]] = []
    for tool in request.tools:
        if (item := remembered(tool, "_item")) is None:
            continue
        if not items or items[-1][0] != item:
            items.append((item, []))
        items[-1][1].append(tool)
    return items


def encode_tools(tools: Iterable[ir.Tool], ledger: Ledger) -> list[Document]:
    written: list[Document] = []
    for i, tool in enumerate(tools):
        path = tool.at or f"tools.{i}"
        document = _encode_tool(tool, path, ledger)
        if document is None:
            continue
        if tool.namespace is None:
            written.append(document)
        elif _continues(written, tool):
            written[-1]["tools"].append(document)
        else:
            written.append(_namespace(tool, document))
    return written


def _continues(written: list[Document], tool: ir.Tool) -> bool:
    last = written[-1] if written else {}
    same = last.get("type") == "namespace" and last.get("name") == tool.namespace
    return same and remembered(tool, "_namespace") is None


def _namespace(first: ir.Tool, document: Document) -> Document:
    rest = remembered(first, "_namespace")
    # Codex and OpenAI require a description; a tool of another protocol has none to give.
    rest = {"description": ""} if rest is None else rest
    return {**rest, "type": "namespace", "name": first.namespace, "tools": [document]}


def _encode_tool(tool: ir.Tool, path: str, ledger: Ledger) -> Document | None:
    note_foreign(tool, path, ledger)
    written = own(tool)
    match tool.kind:
        case "function":
            written |= {"type": "function", "name": tool.name}
            written |= given(description=tool.description, parameters=tool.schema)
            return written | given(strict=tool.strict)
        case "custom":
            written |= {"type": "custom", "name": tool.name}
            written |= given(description=tool.description, format=remembered(tool, "_format"))
            if tool.grammar is not None:
                written["format"] = own(tool.grammar) | {
                    "type": "grammar",
                    "syntax": tool.grammar.syntax,
                    "definition": tool.grammar.definition,
                }
            return written
        case "server":
            if not is_native(tool):
                ledger.dropped(path, f"Responses has no tool {tool.type or tool.name}")
                return None
            return {**written, "type": tool.type}


# The choice --------------------------------------------------------------------------------------

MODES = ("auto", "none", "required")


def decode_choice(
    choice: str | dict[str, Any] | None, parallel: bool | None, tools: Sequence[ir.Tool]
) -> ir.ToolChoice:
    match choice:
        case None:
            return ir.ToolChoice(parallel=parallel)
        case "auto" | "none" | "required":
            return ir.ToolChoice(choice, parallel=parallel, at="tool_choice")
        case str():
            modes = ", ".join(MODES)
            message = f"tool_choice: {choice!r} is none of {modes}, and no object that names a tool"
            raise InvalidRequest(message, param="tool_choice")
        case {"type": "function" | "custom" as kind}:
            return _decode_named(choice, kind, parallel, tools)
        case {"type": "allowed_tools"}:
            return _decode_allowed(choice, parallel)
        case {"type": str(kind)}:
            kept = {key: choice[key] for key in choice.keys() - {"type"}}
            return ir.ToolChoice(
                "named",
                kind,
                kind="server",
                parallel=parallel,
                server=_text(choice, "server_label"),
                function=_text(choice, "name"),
                extra={NAME: kept},
                at="tool_choice",
            )
        case _:
            raise InvalidRequest("tool_choice.type: a string is required", param="tool_choice.type")


def _decode_named(
    choice: dict[str, Any], kind: str, parallel: bool | None, tools: Sequence[ir.Tool]
) -> ir.ToolChoice:
    name, namespace = choice.get("name"), choice.get("namespace")
    if not isinstance(name, str):
        raise InvalidRequest("tool_choice.name: a string is required", param="tool_choice.name")
    offered = [tool for tool in tools if tool.name == name and tool.kind == kind]
    if namespace is not None:
        offered = [tool for tool in offered if tool.namespace == namespace]
    if not offered:
        message = f"tool_choice.name: no {kind} tool {name!r} among the tools; add it to tools"
        raise InvalidRequest(message, param="tool_choice.name")
    kept = {key: choice[key] for key in choice.keys() - {"type", "name", "namespace"}}
    return ir.ToolChoice(
        "named",
        name,
        namespace,
        "function" if kind == "function" else "custom",
        parallel=parallel,
        extra=extra(kept),
        at="tool_choice",
    )


def _text(choice: dict[str, Any], name: str) -> str | None:
    value = choice.get(name)
    return value if isinstance(value, str) else None


def _decode_allowed(choice: dict[str, Any], parallel: bool | None) -> ir.ToolChoice:
    mode, tools = choice.get("mode"), choice.get("tools")
    if mode != "auto" and mode != "required":
        message = f"tool_choice.mode: must be auto or required, not {mode!r}"
        raise InvalidRequest(message, param="tool_choice.mode")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        message = "tool_choice.tools: an array of objects is required"
        raise InvalidRequest(message, param="tool_choice.tools")
    words = ("name", "server_label", "type")
    allowed = tuple(str(next(filter(None, map(tool.get, words)), None)) for tool in tools)
    kept = {key: choice[key] for key in choice.keys() - {"type", "mode", "tools"}}
    kept["_tools"] = tools
    return ir.ToolChoice(
        mode, allowed=allowed, parallel=parallel, extra=extra(kept), at="tool_choice"
    )


def encode_choice(choice: ir.ToolChoice, ledger: Ledger) -> str | Document | None:
    """The field `tool_choice`; None where nothing but the default is meant."""
    note_foreign(choice, "tool_choice", ledger)
    if choice.allowed is not None:
        functions = [{"type": "function", "name": name} for name in choice.allowed]
        tools = remembered(choice, "_tools") or functions
        return {**own(choice), "type": "allowed_tools", "mode": choice.mode, "tools": tools}
    if choice.mode != "named":
        return None if choice.mode == "auto" else choice.mode
    if choice.kind == "server":
        if not is_native(choice):
            ledger.dropped("tool_choice", f"Responses has no tool {choice.name}")
            return None
        return {**own(choice), "type": choice.name}
    named = {**own(choice), "type": choice.kind, "name": choice.name}
    return named | given(namespace=choice.namespace)
