"""Schemas as grammars: what is held to, what is refused by name, and what is relaxed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.providers.local.constraints.compiling import BadGrammar
from polystack.providers.local.constraints.schemas import Schema, closed, enforced, rule

from .words import COMPILER, VOCABULARY

pytest.importorskip("llguidance")


def matches(found: str, text: str) -> bool:
    matcher = COMPILER.compiled(f"start: {found}")[0].deep_copy()
    tokens = VOCABULARY.tokenize(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and bool(matcher.is_accepting())


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        (True, ["1", "[]"], ["x"]),
        ({"type": "integer", "minimum": 3}, ["3", "12"], ["2", "3.5", '"3"']),
        ({"enum": ["a", 1, None]}, ['"a"', "1", "null"], ['"b"', "2"]),
        ({"type": "string", "maxLength": 2.0}, ['"ab"'], ['"abc"']),
        ({"type": "array", "items": {"type": "boolean"}}, ["[true, false]"], ["[1]"]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, ["null", '""'], ["1"]),
        ({"type": "string", "pattern": "^a+$"}, ['"aa"'], ['"b"']),
        ({"type": "string", "format": "date"}, ['"2026-01-31"'], ['"2026-13-01"']),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"const": 5}}}, ["5"], ["6"]),
        (
            {"properties": {"a": {"type": "integer"}}, "required": ["a"], "type": "object"},
            ['{"a": 1}', '{"a":1,"b":2}', '{\n  "a": 1\n}'],
            ["{}", '{"a": "1"}'],
        ),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, ['{"a":1}'], ['{"b":1}']),
        ({"prefixItems": [True], "unevaluatedItems": False}, ["[1]"], ["[1,2]"]),
    ],
)
def test_only_what_is_valid_matches(schema: Schema, valid: list[str], invalid: list[str]) -> None:
    found = rule(schema)
    assert [text for text in valid if not matches(found, text)] == []
    assert [text for text in invalid if matches(found, text)] == []


@pytest.mark.parametrize(
    "schema",
    [
        {"if": {"type": "string"}},
        {"then": False},
        {"minContains": 2},
        {"uniqueItems": False},
        {"propertyNames": True},
        {"not": False},
        {"unevaluatedProperties": True},
        {"title": "anything", "$comment": "at all"},
    ],
)
def test_a_keyword_without_effect_has_none(schema: dict[str, Any]) -> None:
    for text in ("1", '"x"', '{"a": [1, 1]}'):
        assert matches(rule(schema), text)


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"properties": {"a": {"contains": {}}}}, "contains"),
        ({"allOf": [{}], "unevaluatedProperties": False}, "unevaluatedProperties"),
        ({"oneOf": [{"minimum": 1}, {"multipleOf": 2}]}, "oneOf"),
        ({"type": "string", "format": "iri"}, "iri"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"$ref": "http://example.com/x.json"}, "http://example.com/x.json"),
        ({"type": "object", "minProperties": 2}, "minProperties"),
        ({"type": "nothing"}, "nothing"),
        (False, "not"),
    ],
)
def test_what_a_grammar_cannot_say_is_refused_by_name(schema: Schema, name: str) -> None:
    with pytest.raises(BadGrammar, match=name):
        enforced(schema, COMPILER, strict=True)


def test_a_schema_may_not_switch_checks_off() -> None:
    schema = {"not": {}, "x-guidance": {"lenient": True}}
    with pytest.raises(BadGrammar, match="not"):
        enforced(schema, COMPILER, strict=True)


def test_depth_and_size_have_limits() -> None:
    deep: dict[str, Any] = {}
    for _ in range(70):
        deep = {"items": deep}
    with pytest.raises(BadGrammar, match="more than 64 deep"):
        rule(deep)
    with pytest.raises(BadGrammar, match="524288 are the limit"):
        rule({"enum": ["x" * 1000 + str(i) for i in range(600)]})


def test_a_lenient_schema_keeps_what_can_be_kept_and_says_what_cannot() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "not": {"const": 1}}},
        "required": ["a"],
    }
    found, left_out = enforced(schema, COMPILER, strict=False)
    assert left_out is not None
    assert "not" in left_out
    assert matches(found, '{"a":1}')
    assert not matches(found, '{"a":"x"}')


def test_a_lenient_schema_of_which_nothing_can_be_kept_is_any_object() -> None:
    found, left_out = enforced({"$ref": "http://example.com/x.json"}, COMPILER, strict=False)
    assert left_out is not None
    assert matches(found, '{"b": 2}')
    assert not matches(found, "[]")


def test_arguments_are_the_named_properties_and_no_others() -> None:
    schema = {
        "properties": {
            "city": {"type": "string"},
            "at": {"type": "object", "properties": {"x": {"type": "integer"}}},
            "list": {"items": {"properties": {"y": {}}}},
        }
    }
    found = closed(schema)
    assert found["type"] == "object"
    assert found["additionalProperties"] is False
    assert found["properties"]["at"]["additionalProperties"] is False
    assert found["properties"]["list"]["items"]["additionalProperties"] is False
    assert "additionalProperties" not in schema


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {}}, "additionalProperties": True},
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}},
        {"properties": {"a": {}}, "anyOf": [{"required": ["a"]}]},
        {"properties": {}},
        {},
    ],
)
def test_arguments_that_say_more_are_left_open(schema: dict[str, Any]) -> None:
    assert closed(schema).get("additionalProperties", True) is True
    assert json.dumps(closed(schema)) == json.dumps({"type": "object"} | schema)
