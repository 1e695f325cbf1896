from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.core.canon.errors import InvalidRequest
from polystack.core.runtime.body import parse

DEPTH = 32

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_json_value_is_read_as_it_was_written(value: Any) -> None:
    assert parse(json.dumps(value, ensure_ascii=False).encode(), DEPTH) == value


@given(values)
def test_escapes_change_nothing(value: Any) -> None:
    assert parse(json.dumps(value, ensure_ascii=True).encode(), DEPTH) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"  ", "the body is empty"),
        (b'{"a": 1', "line 1, column 8"),
        (b'{"a": 1}}', "Extra data at line 1, column 9"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": "\xff"}', "not UTF-8: byte 7"),
        (b'{"a": "\\ud83d"}', "half of a surrogate pair"),
        (b'{"model": "a", "model": "b"}', "the key 'model' stands twice"),
        (b'{"model": "a", "m\\u006fdel": "b"}', "the key 'model' stands twice"),
        (b'{"x": [{"y": {"k": 1, "k": 1}}]}', "the key 'k' stands twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too large: 99999999999999999999…"),
        (b'{"a": 18446744073709551616}', "too large: 18446744073709551616"),
        (b'{"a": -9223372036854775809}', "too large: -9223372036854775809"),
        (b'{"a": 1e999}', "too large: 1e999"),
        (b"[" * 33 + b"]" * 33, "more than 32 levels deep"),
        (b"[" * 100_000, "more than 32 levels deep"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "more than 32 levels deep"),
    ],
)
def test_a_bad_body_is_refused_with_its_place(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^(the request body|the key)") as caught:
        parse(body, DEPTH)
    assert message in caught.value.message


def test_numbers_of_64_bits_are_taken() -> None:
    assert parse(b"[18446744073709551615, -9223372036854775808]", DEPTH) == [2**64 - 1, -(2**63)]


def test_a_body_as_deep_as_the_limit_is_taken() -> None:
    assert parse(b"[" * 32 + b"]" * 32, DEPTH)


def test_whole_surrogate_pairs_are_characters() -> None:
    assert parse(b'"\\ud83d\\ude00"', DEPTH) == "\N{GRINNING FACE}"
