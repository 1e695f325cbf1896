"""What passes between two processes comes back as it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import Script, scripts

from polystack.core import ir
from polystack.core.canon import errors
from polystack.core.canon.errors import ContextOverflow, InvalidRequest, StackError
from polystack.core.contract.losses import Loss
from polystack.core.contract.provider import Model, TokenCount
from polystack.core.testing.battery import battery
from polystack.providers.local.isolation import codec


def passed(value: object) -> Any:
    (found,) = codec.decode(b"[" + codec.encode(value) + b"]")
    return found


def tree(cls: type[StackError] = StackError) -> Iterator[type[StackError]]:
    yield cls
    for each in cls.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from tree(each)


def made(cls: type[StackError]) -> StackError:
    if cls is ContextOverflow:
        return ContextOverflow(5000, 4096)
    return cls("no\ud800t so", param="messages.0", code="odd", retry_after=2.5, retried=True)


VALUES: dict[str, object] = {
    "nothing": None,
    "a lone surrogate": "a\ud800b",
    "a large number": 2**80,
    "a truth": True,
    "bytes": bytes(range(256)),
    "a tuple in a list": [(1, "a"), []],
    "keys that are numbers": {1: -math.inf, 2: math.inf},
    "a set": frozenset({"a", "b"}),
    "a dict like a node": {"Delta": ["Delta", "t", "m"]},
    "a loss": Loss("tools.0", "dropped", "no use"),
    "a model": Model("m", 4096, features=frozenset({"tools"})),
    "a count": TokenCount(3, estimated=True),
    "vectors": ir.Embeddings(((0.5, 1.0),), ir.Usage(3)),
    "an event": ir.Delta(
        1, "é", (ir.TokenLogprob("é", -0.1, b"\xc3\xa9", (ir.TokenLogprob("e", -3.0),)),)
    ),
    "a finish": ir.Finished(ir.Stop("length"), ir.Usage(1, 2), extra={"stack": {"n": 1}}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_equal_and_of_its_kind(name: str) -> None:
    value = VALUES[name]
    assert passed(value) == value
    assert type(passed(value)) is type(value)


@settings(max_examples=30)
@given(scripts())
def test_every_event_of_every_stream_comes_back(script: Script) -> None:
    assert passed(script.events) == script.events


@pytest.mark.parametrize("name", battery())
def test_a_request_comes_back_with_its_places_and_its_foreign_fields(name: str) -> None:
    turn = ir.Turn("user", (ir.Text("a", extra={"chat": {"b": [1]}}, at="messages.0"),))
    asked = battery()[name]
    request = replace(asked, turns=(*asked.turns, turn), headers={"x-beta": "1"})
    found = passed(request)
    assert found == request
    assert repr(found) == repr(request)  # `at` and `headers` take no part in comparisons


@pytest.mark.parametrize("cls", list(tree()), ids=lambda cls: cls.__name__)
def test_every_error_comes_back_as_itself(cls: type[StackError]) -> None:
    error = made(cls)
    found = passed(ir.Failed(error)).error
    assert type(found) is cls
    assert str(found) == str(error)
    assert vars(found) == vars(error)
    assert (found.kind, found.status) == (error.kind, error.status)


def test_an_error_of_a_class_that_is_known_there_only_becomes_the_nearest_known() -> None:
    code = codec.encode(InvalidRequest("no", param="x"))
    (found,) = codec.decode(
        b"[" + code.replace(b'["InvalidRequest"', b'["Odd","InvalidRequest"') + b"]"
    )
    assert type(found) is InvalidRequest
    assert found.param == "x"


def test_what_no_message_may_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="a object has no place"):
        codec.encode((object(),))
