"""JSON Schemas as grammars: made ready for the compiler, or refused by the name of what is in them.

What a grammar cannot express is refused in an answer's schema, and in that of a strict tool. Tools
come with whatever their authors wrote, so any other tool's schema is relaxed where it must be, and
the ledger says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .compiling import BadGrammar, Compiler

DEPTH = 64  # schemas inside of schemas
SIZE = 512 << 10  # bytes of one schema

# Between the parts of a document: a space, or a new line with its indentation.
SPACE = r"( |\n[ \t]{0,32})"

_COUNTS = frozenset(
    "minLength maxLength minItems maxItems minProperties maxProperties minContains "
    "maxContains".split()
)
_SCHEMAS = frozenset(
    "additionalProperties items contains propertyNames not if then else unevaluatedItems "
    "unevaluatedProperties contentSchema".split()
)
_LISTS = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
_NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
# Schemas that apply to the same value, so that what they evaluate counts for their neighbours.
_IN_PLACE = frozenset(
    "allOf anyOf oneOf $ref $dynamicRef if then else not dependentSchemas contains".split()
)

Schema = Mapping[str, Any] | bool


def rule(schema: Schema, *, lenient: bool = False) -> str:
    """The schema in the form that a grammar has it in. Raises `BadGrammar`."""
    ready = _ready(schema, 0)
    if isinstance(ready, bool):
        ready = {} if ready else {"not": {}}
    ready["x-guidance"] = {"whitespace_pattern": SPACE, "lenient": lenient}
    text = json.dumps(ready)
    if len(text) > SIZE:
        raise BadGrammar(f"it has {len(text)} bytes, and {SIZE} are the limit")
    return f"%json {text}"


def enforced(schema: Schema, compiler: Compiler, *, strict: bool) -> tuple[str, str | None]:
    """A rule that compiles, and what had to be left out of it, if anything.

    Raises `BadGrammar` where `strict` leaves nothing out.
    """
    try:
        found = rule(schema)
        compiler.compiled(f"start: {found}")
        return found, None
    except BadGrammar as bad:
        if strict:
            raise
        why = str(bad)
    try:
        found = rule(schema, lenient=True)
        _, left_out = compiler.compiled(f"start: {found}")
        return found, "; ".join(left_out) or why
    except BadGrammar as bad:
        return rule({"type": "object"}), str(bad)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's arguments: an object, with none but the properties that are named.

    An author who names properties and says nothing of others means these. A model that is held
    to them cannot call a property by another name.
    """
    return _closed({"type": "object", **schema})


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(schema)
    if isinstance(found.get("items"), Mapping):
        found["items"] = _closed(found["items"])
    properties = found.get("properties")
    if isinstance(properties, Mapping) and properties and not _IN_PLACE & found.keys():
        found["properties"] = {
            name: _closed(each) if isinstance(each, Mapping) else each
            for name, each in properties.items()
        }
        if not {"patternProperties", "unevaluatedProperties", "minProperties"} & found.keys():
            found.setdefault("additionalProperties", False)
    return found


def _ready(schema: Any, depth: int) -> Any:
    """The same schema without what has no effect, and with its counts as whole numbers."""
    if depth > DEPTH:
        raise BadGrammar(f"it is nested more than {DEPTH} deep")
    if not isinstance(schema, Mapping):
        return schema
    found = {name: _value(name, value, depth) for name, value in _effective(schema)}
    for name, plain in (
        ("unevaluatedProperties", "additionalProperties"),
        ("unevaluatedItems", "items"),
    ):
        if name in found and (found[name] is True or not _IN_PLACE & found.keys()):
            value = found.pop(name)
            found.setdefault(plain, value)
    needed = found.get("minProperties", 0)
    named = found.get("required", [])
    if isinstance(needed, int) and isinstance(named, list) and needed > max(1, len(named)):
        # Nothing keeps a model from writing the same property twice.
        raise BadGrammar('minProperties above 1 needs as many names in "required"')
    return found


def _effective(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in schema.items():
        match name:
            case "x-guidance" | "$comment":
                continue
            case "if" if not {"then", "else"} & schema.keys():
                continue
            case "then" | "else" if "if" not in schema:
                continue
            case "minContains" | "maxContains" if "contains" not in schema:
                continue
            case "uniqueItems" if value is False:
                continue
            case "propertyNames" if value is True:
                continue
            case "not" if value is False:
                continue
            case _:
                yield name, value


def _value(name: str, value: Any, depth: int) -> Any:
    if name in _COUNTS and isinstance(value, float) and value.is_integer():
        return int(value)
    if name in _SCHEMAS:
        return _ready(value, depth + 1)
    if name in _LISTS and isinstance(value, list):
        return [_ready(each, depth + 1) for each in value]
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _ready(each, depth + 1) for key, each in value.items()}
    return value
