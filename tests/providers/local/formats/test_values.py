"""Text of a model as a value of the tool's schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from strategies import json_values

from polystack.providers.local.formats.calls import written
from polystack.providers.local.formats.values import typed, types_of


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("5", {"type": "string"}, "5"),
        (' "a" ', {"type": "string"}, ' "a" '),
        ("5", {"type": "integer"}, 5),
        ("5.0", {"type": "integer"}, 5),
        ("5.0", {"type": "number"}, 5.0),
        ("5.5", {"type": "integer"}, "5.5"),
        ("True", {"type": "boolean"}, True),
        ("true\n", {"type": "boolean"}, True),
        ("1", {"type": "boolean"}, "1"),
        ("None", {"type": ["string", "null"]}, None),
        ("none", {"type": ["string", "null"]}, "none"),
        ('"a"', {"type": ["string", "null"]}, '"a"'),
        ("5", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, 5),
        ("a", {"enum": ["a", "b"]}, "a"),
        ("1", {"enum": [1, 2]}, 1),
        ("1", {"const": 1}, 1),
        ('{"a": ', {"type": "object"}, '{"a": '),
        ('{"a": 1}', {}, {"a": 1}),
        ("some words", None, "some words"),
        ("5", None, 5),
        ("NaN", {"type": "number"}, "NaN"),
        ("9" * 5000, {"type": "integer"}, "9" * 5000),
        ("[" * 100_000, {"type": "array"}, "[" * 100_000),
        ("1", {"$ref": "#/$defs/x"}, 1),
    ],
)
def test_text_becomes_what_the_schema_says_or_stays_text(
    text: str, schema: Any, value: Any
) -> None:
    assert (typed(text, schema), type(typed(text, schema))) == (value, type(value))


@given(json_values)
def test_whatever_is_written_as_json_is_read_back_by_its_own_type(value: Any) -> None:
    names = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
    schema = {"type": names.get(type(value), "null")}
    text = value if isinstance(value, str) else json.dumps(value)
    assert typed(text, schema) == value


def test_half_a_surrogate_pair_can_be_encoded() -> None:
    assert json.loads(written({"a": "\ud800"}).encode()) == {"a": "\ud800"}
    assert written({"a": "é"}) == '{"a": "é"}'


def test_types_are_found_in_every_branch() -> None:
    schema = {"oneOf": [{"type": "string"}, {"anyOf": [{"type": ["null", "integer"]}]}]}
    assert types_of(schema) == {"string", "null", "integer"}
