"""Errors name the client's own field, without the names that only our schemas know."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from polystack.apis.validation import path_of, shown, validate
from polystack.core.canon.errors import InvalidRequest


class Block(BaseModel):
    model_config = ConfigDict(strict=True)
    size: int


Content = Annotated[
    Annotated[str, Tag("a string")] | Annotated[list[Block], Tag("a list")],
    Discriminator(lambda value: "a list" if isinstance(value, list) else "a string"),
]


class Document(BaseModel):
    model_config = ConfigDict(strict=True)
    content: Content


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "content: field required"),
        ({"content": 5}, "content: input should be a valid string, not 5"),
        ({"content": [{}]}, "content.0.size: field required"),
        (
            {"content": [{"size": 1}, {"size": "2"}]},
            "content.1.size: input should be a valid integer, not '2'",
        ),
        ({"content": ["x"]}, "content.0: input should be a valid dictionary"),
    ],
)
def test_the_path_is_the_clients(document: object, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Document, document)
    assert caught.value.message.startswith(message)
    assert caught.value.param == message.partition(":")[0]


@pytest.mark.parametrize(
    ("document", "name"), [([], "an array"), ("x", "a string"), (None, "null"), (1, "a number")]
)
def test_a_body_must_be_an_object(document: object, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"must be a JSON object, not {name}$"):
        validate(Document, document)


def test_a_long_value_is_cut_and_a_large_one_is_only_named() -> None:
    assert shown("x" * 100) == "'" + "x" * 58 + "…"
    assert shown({"a": 1}) == "an object"


def test_union_names_are_left_out_of_a_path() -> None:
    document = {"a": [{"b": 1}]}
    assert path_of(["a", "a list", 0, "a tag", "b"], document) == ["a", 0, "b"]
    assert path_of(["a", 0, "missing"], document) == ["a", 0, "missing"]
