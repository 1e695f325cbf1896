"""Arguments that a model wrote as plain text, as what the tool's schema says they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ....core.canon import ir

_TYPES: Mapping[type, frozenset[str]] = {
    str: frozenset(["string"]),
    bool: frozenset(["boolean"]),
    int: frozenset(["integer", "number"]),
    float: frozenset(["number"]),
    list: frozenset(["array"]),
    dict: frozenset(["object"]),
    type(None): frozenset(["null"]),
}
_PYTHON = {"True": True, "False": False, "None": None}
ANY = frozenset[str]()  # where the schema does not say


def typed(text: str, schema: object) -> object:
    """The text as a value of the schema's types; it stays text where nothing else fits.

    A schema without types says that text is meant unless it reads as some other JSON.
    """
    types = types_of(schema)
    if types == {"string"}:
        return text
    try:
        value = _parsed(text.strip())
    except (ValueError, RecursionError):
        return text
    if isinstance(value, float) and value.is_integer() and "integer" in types - {"number"}:
        value = int(value)
    if types and not types & _TYPES[type(value)]:
        return text
    return text if isinstance(value, str) and "string" in types else value


def property_of(schema: ir.Object, name: str) -> object:
    properties = schema.get("properties")
    return properties.get(name) if isinstance(properties, Mapping) else None


def types_of(schema: object) -> frozenset[str]:
    """The types that values of this schema may have, as far as it names them."""
    if not isinstance(schema, Mapping):
        return ANY
    match schema.get("type"):
        case str(name):
            return frozenset([name])
        case list(names):
            return frozenset(name for name in names if isinstance(name, str))
    if isinstance(values := schema.get("enum"), list) and values:
        return frozenset().union(*(_TYPES.get(type(value), ANY) for value in values))
    if "const" in schema:
        return _TYPES.get(type(schema["const"]), ANY)
    branches = [b for key in ("anyOf", "oneOf", "allOf") for b in schema.get(key) or ()]
    return frozenset().union(*map(types_of, branches))


def _parsed(text: str) -> Any:
    if text in _PYTHON:
        return _PYTHON[text]
    return json.loads(text, strict=False, parse_constant=_refused)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
