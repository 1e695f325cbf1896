"""A small value that fits a JSON Schema: what a scripted tool call or object is made of.

Schemas come from clients: whatever does not make sense in one is passed over, references that
lead back to themselves end in null, and so does what is too deep or too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

DEPTH = 64
VALUES = 1_000

_PLAIN: dict[str, Any] = {
    "string": "text",
    "number": 1,
    "integer": 1,
    "boolean": True,
    "null": None,
    "array": [],
}


def example(schema: Schema) -> Any:
    """The value; an object has its required properties, or all where none is required."""
    return _Example(schema).of(schema)


class _Example:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = VALUES

    def of(self, schema: object, inside: tuple[str, ...] = (), depth: int = 0) -> Any:
        """`inside` are the references that led here."""
        self._left -= 1
        if not isinstance(schema, Mapping) or depth > DEPTH or self._left < 0:
            return None
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if options := _items(schema.get("enum")):
            return options[0]
        if isinstance(reference := schema.get("$ref"), str):
            if reference in inside:
                return None
            return self.of(self._referred(reference), (*inside, reference), depth + 1)
        for key in ("anyOf", "oneOf", "allOf") if "properties" not in schema else ():
            if options := _items(schema.get(key)):
                return self.of(options[0], inside, depth + 1)
        kind = _kind(schema)
        return self._object(schema, inside, depth) if kind == "object" else _PLAIN.get(kind)

    def _object(self, schema: Schema, inside: tuple[str, ...], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            properties = {}
        required = [name for name in _items(schema.get("required")) if isinstance(name, str)]
        plain = {"type": "string"}
        return {
            name: self.of(properties.get(name, plain), inside, depth + 1)
            for name in required or properties
        }

    def _referred(self, reference: str) -> Schema:
        """What `#/$defs/Name` points to; nothing where it leads elsewhere."""
        here: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            here = here.get(step, {}) if isinstance(here, Mapping) else {}
        return here if isinstance(here, Mapping) else {}


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "object")
    first = (_items(kind) or ["object"])[0] if not isinstance(kind, str) else kind
    return first if isinstance(first, str) else "object"


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
