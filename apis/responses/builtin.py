"""Tools of OpenAI's own that the client runs: a model is offered the functions they stand for.

Source of the shapes: `LocalShell`, `FunctionShellTool`, `ApplyPatchTool` and `ToolSearchTool` of
the openai SDK, with the items of their calls and outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...core.canon import ir
from ...core.contract.api import Document

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Builtin:
    """A type of tool: its function, and a call's arguments as the fields of its item, and back."""

    function: ir.Tool
    prefix: str
    write: Callable[[Fields], Document]
    read: Callable[[Fields], Any]

    @property
    def item(self) -> str:
        return f"{self.function.name}_call"


def _schema(required: list[str], **properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": required}


_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_TEXTS = {"type": "array", "items": _TEXT}
_KINDS = {"type": "string", "enum": ["create_file", "update_file", "delete_file"]}
_DIFF = {"type": "string", "description": "A V4A diff; for a new file its lines, each with a +."}

_FUNCTIONS = (
    ir.Tool(
        "local_shell",
        "Run a program in the user's shell.",
        _schema(
            ["command"],
            command={**_TEXTS, "description": "The program and its arguments."},
            working_directory=_TEXT,
            timeout_ms=_NUMBER,
            env={"type": "object", "additionalProperties": _TEXT},
        ),
    ),
    ir.Tool(
        "shell",
        "Run commands in the user's shell.",
        _schema(["commands"], commands=_TEXTS, timeout_ms=_NUMBER, max_output_length=_NUMBER),
    ),
    ir.Tool(
        "apply_patch",
        "Create, change or delete one file.",
        _schema(["type", "path"], type=_KINDS, path=_TEXT, diff=_DIFF),
    ),
    ir.Tool("tool_search", "Look for tools to use.", _schema(["query"], query=_TEXT)),
)
_LOCAL_SHELL, _SHELL, _PATCH, _SEARCH = _FUNCTIONS
_NO_PATCH = {"type": "update_file", "path": "", "diff": ""}

BUILTINS: Mapping[str, Builtin] = {
    "local_shell": Builtin(
        _LOCAL_SHELL,
        "lsh",
        lambda given: {"action": {"command": [], "env": {}, **given, "type": "exec"}},
        lambda item: {k: v for k, v in _object(item, "action").items() if k != "type"},
    ),
    "shell": Builtin(
        _SHELL,
        "sh",
        lambda given: {"action": {"commands": [], **given}},
        lambda item: _object(item, "action"),
    ),
    "apply_patch": Builtin(
        _PATCH,
        "apc",
        lambda given: {"operation": dict(given) or _NO_PATCH},
        lambda item: _object(item, "operation"),
    ),
    "tool_search": Builtin(
        _SEARCH,
        "tsc",
        lambda given: {"arguments": dict(given), "execution": "client"},
        lambda item: _object(item, "arguments"),
    ),
}
_CALLS = {builtin.item: builtin for builtin in BUILTINS.values()}
_OUTPUTS = {f"{kind}_output": builtin for kind, builtin in _CALLS.items()}
_OUTPUTS["tool_search_output"] = BUILTINS["tool_search"]


def _object(item: Fields, name: str) -> Document:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def function_of(kind: str, tool: Fields, at: str) -> ir.Tool | None:
    """The function that a tool of this type stands for; None for one that runs at OpenAI."""
    builtin = BUILTINS.get(kind)
    place = tool.get("environment")
    if builtin is None or (isinstance(place, dict) and place.get("type") != "local"):
        return None
    function = replace(builtin.function, at=at)
    if kind != "tool_search":
        return function
    if tool.get("execution") != "client":
        return None
    about, schema = tool.get("description"), tool.get("parameters")
    described = about if isinstance(about, str) else function.description
    shaped = schema if isinstance(schema, dict) else function.schema
    return replace(function, description=described, schema=shaped)


def offered(tools: Iterable[ir.Tool]) -> dict[str, Builtin]:
    """By the names that a model calls them by; a function of the same name comes before one."""
    known = list(tools)
    taken = {tool.name for tool in known if tool.kind != "server"}
    names = {tool.function.name for tool in known if tool.function is not None}
    return {name: BUILTINS[name] for name in names if name in BUILTINS and name not in taken}


def write_call(builtin: Builtin, call: ir.ToolCall, status: str) -> Document:
    """The fields of a call's item; arguments that are no object are none."""
    try:
        given = json.loads(call.arguments or "{}")
    except ValueError:
        given = {}
    fields = builtin.write(given if isinstance(given, dict) else {})
    return {"call_id": call.id, **fields, "status": status}


def meaning(item: Fields, at: str) -> tuple[ir.Part, ...]:
    """What a call or an output says in canonical parts; nothing for an item of another type."""
    kind, id = item.get("type"), item.get("call_id")
    if not isinstance(kind, str):
        return ()
    if kind == "local_shell_call_output" and id is None:
        id = item.get("id")  # which is that of the call, in this one
    if not isinstance(id, str):
        return ()
    if (builtin := _CALLS.get(kind)) is not None:
        arguments = json.dumps(builtin.read(item), ensure_ascii=False)
        return (ir.ToolCall(id, builtin.function.name, arguments, at=at),)
    if kind in _OUTPUTS:
        failed = item.get("status") == "failed"
        return (ir.ToolResult(id, (ir.Text(_told(item)),), failed, at=at),)
    return ()


def _told(item: Fields) -> str:
    if isinstance(found := item.get("tools"), list):
        names = [str(tool.get("name")) for tool in found if isinstance(tool, dict)]
        return f"Found: {', '.join(names) or 'nothing'}"
    output = item.get("output")
    if output is None:
        return str(item.get("status") or "")
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
