"""Tools as a chat template shows them, and the names that lead back to the client's own.

Tools come in the order of their names and the keys of a schema in one order, so that the same tools
always give the same prompt, in whatever order a client lists them; properties stay as they came,
since models write arguments in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...core.canon import ir
from .parser import Offered

_NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
_VALUES = frozenset(["const", "default", "enum", "example", "examples"])


class Names:
    """The one flat name of every tool of a request; models know no namespaces."""

    def __init__(self, tools: Iterable[ir.Tool]) -> None:
        self._flat: dict[tuple[str | None, str], str] = {}
        taken: set[str] = set()
        for tool in tools:
            key = tool.namespace, tool.name
            if key not in self._flat:
                self._flat[key] = _unique(_flat(*key), taken)

    def flat(self, namespace: str | None, name: str) -> str:
        key = namespace, name
        if key not in self._flat and namespace is None:
            # A protocol without namespaces lost this call's; its tool may still be the only one.
            same = [flat for (_, known), flat in self._flat.items() if known == name]
            if len(same) == 1:
                return same[0]
        return self._flat.get(key) or _flat(namespace, name)

    def offered(self, tools: Sequence[ir.Tool]) -> dict[str, Offered]:
        return {
            self.flat(tool.namespace, tool.name): Offered(tool.name, tool.kind, tool.namespace)
            for tool in tools
        }

    def rendered(self, tools: Sequence[ir.Tool]) -> list[dict[str, Any]]:
        named = [_function(self.flat(tool.namespace, tool.name), tool) for tool in tools]
        return sorted(named, key=lambda tool: str(tool["function"]["name"]))


def _flat(namespace: str | None, name: str) -> str:
    return f"{namespace}__{name}" if namespace else name


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def _function(name: str, tool: ir.Tool) -> dict[str, Any]:
    parameters = _input(tool) if tool.kind == "custom" else normal(tool.schema or {})
    parameters.setdefault("type", "object")
    parameters.setdefault("properties", {})
    function = {"name": name, "description": tool.description or "", "parameters": parameters}
    return {"type": "function", "function": function}


def _input(tool: ir.Tool) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    if tool.grammar is not None:
        syntax, definition = tool.grammar.syntax, tool.grammar.definition
        text["description"] = f"Must match this {syntax} grammar:\n{definition}"
    return {"type": "object", "properties": {"input": text}, "required": ["input"]}


def normal(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema with its keywords in one order, `type` first."""
    return {
        key: _normal(key, schema[key])
        for key in sorted(schema, key=lambda key: (key != "type", key))
    }


def _normal(key: str, value: Any) -> Any:
    match value:
        case Mapping() if key in _NAMED:
            return {name: _normal("", inner) for name, inner in value.items()}
        case Mapping() if key not in _VALUES:
            return normal(value)
        case list() if key not in _VALUES:
            return [_normal("", inner) for inner in value]
        case _:
            return value
