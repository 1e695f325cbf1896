"""A small value that fits a JSON Schema: what a scripted tool call or object is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN: dict[str, Any] = {
    "string": "text",
    "number": 1,
    "integer": 1,
    "boolean": True,
    "null": None,
    "array": [],
}


def example(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """The value; an object has its required properties, or all where none is required."""
    root = root if root is not None else schema
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return example(_referred(schema["$ref"], root), root)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example(schema[key][0], root)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind != "object":
        return _PLAIN.get(kind)
    properties = schema.get("properties") or {}
    wanted = schema.get("required") or list(properties)
    return {name: example(properties.get(name, {"type": "string"}), root) for name in wanted}


def _referred(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `#/$defs/Name` points to; nothing where it leads elsewhere."""
    here: Any = root
    for step in reference.removeprefix("#/").split("/"):
        here = here.get(step, {}) if isinstance(here, Mapping) else {}
    return here if isinstance(here, Mapping) else {}
