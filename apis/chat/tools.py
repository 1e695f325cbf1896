"""The tools of a client's document, and which of them the model may or must call.

The deprecated `functions` and `function_call` are tools too; what they become is marked, so that
the client gets its answer in the words that it asked in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...core.canon import ir
from ..toolservers import TYPE, server_of
from . import schema
from .vocabulary import NAME, extra, refuse


def tools(wire: schema.Request) -> tuple[ir.Tool, ...]:
    for old, new in (("functions", "tools"), ("function_call", "tool_choice")):
        if getattr(wire, old) is not None and getattr(wire, new) is not None:
            refuse(old, f"is the deprecated form of {new}; send one of the two")
    found = [_tool(tool, f"tools.{i}") for i, tool in enumerate(wire.tools or ())]
    for i, function in enumerate(wire.functions or ()):
        found.append(_function(function, f"functions.{i}", extra(function, _legacy=True)))
    _check_names(found)
    return tuple(found)


def _tool(wire: schema.Tool, at: str) -> ir.Tool:
    match wire.type:
        case "function":
            if wire.function is None:
                refuse(f"{at}.function", "field required")
            rest = extra(wire, function=wire.function.model_extra or None)
            return _function(wire.function, at, rest)
        case "custom":
            return _custom(wire, at)
        case kind:
            fields = wire.model_dump(exclude_unset=True, exclude={"type"})
            name = fields.get("name")
            return ir.Tool(
                name if isinstance(name, str) else kind,
                kind="server",
                type=kind,
                server=server_of(fields, at) if kind == TYPE else None,
                extra={NAME: fields} if fields else None,
                at=at,
            )


def _function(function: schema.Function, at: str, rest: ir.Extra | None) -> ir.Tool:
    return ir.Tool(
        function.name,
        function.description,
        function.parameters,
        strict=function.strict,
        extra=rest,
        at=at,
    )


def _custom(wire: schema.Tool, at: str) -> ir.Tool:
    custom = wire.custom
    if custom is None:
        refuse(f"{at}.custom", "field required")
    form = custom.format
    return ir.Tool(
        custom.name,
        custom.description,
        kind="custom",
        grammar=_grammar(form, f"{at}.custom.format"),
        extra=extra(
            wire,
            custom=custom.model_extra or None,
            _format="text" if form is not None and form.type == "text" else None,
        ),
        at=at,
    )


def _grammar(wire: schema.CustomFormat | None, at: str) -> ir.ToolGrammar | None:
    if wire is None or wire.type == "text":
        return None
    if wire.type != "grammar" or wire.grammar is None:
        refuse(at, "must be of type 'text', or of type 'grammar' with a grammar")
    rest = extra(wire, grammar=wire.grammar.model_extra or None)
    return ir.ToolGrammar(wire.grammar.syntax, wire.grammar.definition, extra=rest, at=at)


def _check_names(tools: Sequence[ir.Tool]) -> None:
    seen: set[str] = set()
    for tool in tools:
        if tool.kind == "server":
            continue  # it is called by its type, and may be there twice
        if tool.name in seen:
            place = "" if (tool.at or "").startswith("functions") else f".{tool.kind}"
            refuse(f"{tool.at}{place}.name", f"another tool is called {tool.name!r} too")
        seen.add(tool.name)


def tool_choice(wire: schema.Request, tools: Sequence[ir.Tool]) -> ir.ToolChoice:
    choice, parallel = wire.tool_choice, wire.parallel_tool_calls
    if wire.functions is not None or wire.function_call is not None:
        # An answer in this form has room for one call.
        return _function_choice(wire.function_call, False if parallel is None else parallel, tools)
    if choice is None:
        return ir.ToolChoice(parallel=parallel, at="tool_choice")
    if isinstance(choice, str):
        if choice == "required" and not tools:
            refuse("tool_choice", "'required' needs tools to choose from")
        return ir.ToolChoice(choice, parallel=parallel, at="tool_choice")
    if choice.allowed_tools is not None:
        return _allowed(choice, choice.allowed_tools, parallel, tools)
    kind: ir.ToolKind = "custom" if choice.custom is not None else "function"
    named = _offered(choice.function or choice.custom, choice.type, "tool_choice", tools)
    rest = extra(choice, **{kind: named.model_extra or None})
    return ir.ToolChoice(
        "named", named.name, kind=kind, parallel=parallel, extra=rest, at="tool_choice"
    )


def _allowed(
    choice: schema.NamedChoice,
    allowed: schema.AllowedTools,
    parallel: bool | None,
    tools: Sequence[ir.Tool],
) -> ir.ToolChoice:
    names = tuple(
        _offered(tool.function or tool.custom, tool.type, "tool_choice", tools).name
        for tool in allowed.tools
    )
    rest = extra(choice, allowed_tools=allowed.model_extra or None)
    return ir.ToolChoice(
        allowed.mode, allowed=names, parallel=parallel, extra=rest, at="tool_choice"
    )


def _function_choice(
    choice: str | schema.Name | None, parallel: bool, tools: Sequence[ir.Tool]
) -> ir.ToolChoice:
    if isinstance(choice, schema.Name):
        named = _offered(choice, "function", "function_call", tools)
        rest = extra(choice, _legacy=True)
        return ir.ToolChoice("named", named.name, parallel=parallel, extra=rest, at="function_call")
    mode: Literal["none", "auto"] = "none" if choice == "none" else "auto"
    rest = extra(None, _legacy=True)
    return ir.ToolChoice(mode, parallel=parallel, extra=rest, at="function_call")


def _offered(
    named: schema.Name | None, kind: str, param: str, tools: Sequence[ir.Tool]
) -> schema.Name:
    if named is None:
        refuse(param, f"a choice of type {kind!r} must name a tool")
    if not any(tool.name == named.name for tool in tools):
        offered = ", ".join(tool.name for tool in tools) or "none"
        refuse(param, f"no tool is called {named.name!r}; the request offers {offered}")
    return named
