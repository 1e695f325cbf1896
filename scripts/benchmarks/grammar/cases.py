"""Schemas of the sizes that clients send, each with a document that is valid."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Case(NamedTuple):
    name: str
    schema: dict[str, Any]
    document: Any

    @property
    def text(self) -> str:
        return json.dumps(self.document, ensure_ascii=False)


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _call(name: str) -> dict[str, Any]:
    arguments = _closed(
        {
            "path": {"type": "string"},
            "limit": {"type": "integer"},
            "mode": {"enum": ["read", "write", "append"]},
            "flags": {"type": "array", "items": {"type": "string"}},
        },
        "path",
    )
    return _closed({"name": {"const": name}, "arguments": arguments}, "name", "arguments")


_TREE = _closed(
    {"label": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    "label",
)
_MANY = {f"field_{number}": {"type": ["string", "null"]} for number in range(60)}

CASES = [
    Case("any object", {"type": "object"}, {"a": [1, 2, {"b": "hello world"}], "c": -1.5e3}),
    Case(
        "two fields",
        _closed({"city": {"type": "string", "maxLength": 40}, "n": {"type": "integer"}}, "city"),
        {"city": "San Francisco, in California", "n": 123456},
    ),
    Case(
        "patterns",
        _closed(
            {
                "id": {"type": "string", "pattern": "^[a-z]{2,8}-[0-9]{4}$"},
                "when": {"type": "string", "format": "date-time"},
            },
            "id",
            "when",
        ),
        {"id": "abc-1234", "when": "2026-01-02T03:04:05Z"},
    ),
    Case(
        "a tree",
        {"$ref": "#/$defs/tree", "$defs": {"tree": _TREE}},
        {"label": "root", "children": [{"label": "one", "children": [{"label": "two"}]}]},
    ),
    Case(
        "20 tools",
        {"anyOf": [_call(f"tool_{number}") for number in range(20)]},
        {"name": "tool_7", "arguments": {"path": "/srv/some path/file.py", "mode": "write"}},
    ),
    Case(
        "60 optional fields",
        _closed(_MANY),
        {"field_3": "some words of text", "field_40": None, "field_59": "the last"},
    ),
]
