"""The tools of a canonical request as fields of the body that asks an upstream."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from .vocabulary import NAME, call_name, given, own, remembered


def tools(request: ir.Request, losses: Ledger) -> Document:
    native = request.origin == NAME
    offered: dict[str, ir.Tool] = {}
    written: dict[str, list[Document]] = {"tools": [], "functions": []}
    for tool in request.tools:
        if tool.kind == "server" and not native:
            at = tool.at or f"tools.{tool.name}"
            losses.dropped(at, f"the upstream has no tool of type {tool.type}")
            continue
        offered[tool.name] = tool
        field = "functions" if remembered(tool, "_legacy") else "tools"
        written[field].append(_tool(tool, losses))
    body: Document = {field: wires for field, wires in written.items() if wires}
    if not offered and not native:
        return _without_tools(request.tool_choice, losses)  # servers refuse a choice without tools
    parallel = request.tool_choice.parallel
    if remembered(request.tool_choice, "_legacy"):
        parallel = parallel or None  # one call at a time is what these fields mean
    choice = _tool_choice(request.tool_choice, offered, losses)
    return body | choice | given(parallel_tool_calls=parallel)


def _without_tools(choice: ir.ToolChoice, losses: Ledger) -> Document:
    if choice.mode in ("required", "named"):
        losses.dropped(choice.at or "tool_choice", "no tool is left to choose from")
    return {}


def _tool(tool: ir.Tool, losses: Ledger) -> Document:
    rest = own(tool)
    if tool.kind == "server":
        return {"type": tool.type} | rest
    if tool.namespace is not None:
        at = tool.at or f"tools.{tool.name}"
        losses.approximated(f"{at}.namespace", "joined to the name, for lack of namespaces")
    if remembered(tool, "_legacy"):
        return _function(tool) | rest
    body = _custom(tool) if tool.kind == "custom" else _function(tool)
    return {"type": tool.kind, tool.kind: body | rest.pop(tool.kind, {})} | rest


def _function(tool: ir.Tool) -> Document:
    return {"name": call_name(tool.name, tool.namespace)} | given(
        description=tool.description, parameters=tool.schema, strict=tool.strict
    )


def _custom(tool: ir.Tool) -> Document:
    body: Document = {"name": call_name(tool.name, tool.namespace)}
    body |= given(description=tool.description)
    if (form := remembered(tool, "_format")) is not None:
        body["format"] = {"type": form}
    if tool.grammar is not None:
        rest = own(tool.grammar)
        grammar = {"syntax": tool.grammar.syntax, "definition": tool.grammar.definition}
        grammar |= rest.pop("grammar", {})
        body["format"] = {"type": "grammar", "grammar": grammar} | rest
    return body


# Which of them may or must be called -------------------------------------------------------------


def _tool_choice(choice: ir.ToolChoice, offered: Mapping[str, ir.Tool], losses: Ledger) -> Document:
    at = choice.at or "tool_choice"
    for name in (choice.name, *(choice.allowed or ())):
        if name is not None and name not in offered:
            losses.dropped(at, f"the upstream is offered no tool called {name!r}")
    if remembered(choice, "_legacy"):
        return _function_choice(choice)
    if choice.allowed is not None:
        return _allowed_tools(choice, offered)
    if choice.mode != "named":
        return {} if choice.mode == "auto" else {"tool_choice": choice.mode}
    if choice.name is None or choice.name not in offered:
        return {}
    rest = own(choice)
    kind = _kind(choice.kind)
    named = {"name": call_name(choice.name, choice.namespace)} | rest.pop(kind, {})
    return {"tool_choice": {"type": kind, kind: named} | rest}


def _function_choice(choice: ir.ToolChoice) -> Document:
    if choice.mode == "named":
        return {"function_call": {"name": choice.name} | own(choice)}
    return {"function_call": "none"} if choice.mode == "none" else {}


def _allowed_tools(choice: ir.ToolChoice, offered: Mapping[str, ir.Tool]) -> Document:
    allowed = [offered[name] for name in choice.allowed or () if name in offered]
    if choice.allowed and not allowed:
        return {"tool_choice": "none"}  # none of those that may be called is left
    rest = own(choice)
    named = [
        {"type": (kind := _kind(tool.kind)), kind: {"name": call_name(tool.name, tool.namespace)}}
        for tool in allowed
    ]
    body = {"mode": choice.mode, "tools": named} | rest.pop("allowed_tools", {})
    return {"tool_choice": {"type": "allowed_tools", "allowed_tools": body} | rest}


def _kind(kind: ir.ToolKind) -> str:
    return "custom" if kind == "custom" else "function"
