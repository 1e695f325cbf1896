"""Values that fit a schema, and schemas that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from polystack.providers.scripted.example import example


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"enum": ["x", "y"]}, "x"),
        ({"const": 3}, 3),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "boolean"}}}, True),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "array"}},
                "required": ["b"],
            },
            {"b": []},
        ),
        ({}, {}),
    ],
)
def test_an_example_fits_its_schema(schema: dict[str, Any], value: object) -> None:
    assert example(schema) == value


NODE = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}


def test_a_schema_that_leads_back_to_itself_ends_in_null() -> None:
    assert example(NODE) == {"next": {"next": None}}


def test_a_schema_that_doubles_with_every_step_stays_small() -> None:
    steps: dict[str, Any] = {
        f"s{n}": {"properties": {side: {"$ref": f"#/$defs/s{n + 1}"} for side in "ab"}}
        for n in range(40)
    }
    assert len(str(example({"$ref": "#/$defs/s0", "$defs": steps}))) < 50_000


def test_a_schema_that_is_too_deep_ends_in_null() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        schema = {"properties": {"a": schema}}
    assert '"a": None' in str(example(schema)).replace("'", '"')


KEYWORDS = st.sampled_from("type properties required enum anyOf oneOf allOf $ref default".split())


@given(st.dictionaries(KEYWORDS, json_values | st.sampled_from(["object", "#", "#/type"])))
def test_a_schema_of_any_shape_gives_some_value(schema: dict[str, Any]) -> None:
    assert isinstance(example(schema), dict | list | str | int | float | bool | None)
