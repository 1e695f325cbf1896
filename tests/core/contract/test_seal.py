"""Seals: what went in comes out, and nothing else does."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from polystack.core import ir
from polystack.core.contract.seal import LIMIT, PREFIX, UNPACKED_LIMIT, Sealer, is_seal

KEY = bytes(range(32))
SEALER = Sealer(KEY)

texts = st.text(st.characters(codec="utf-8"), max_size=60)
thoughts = st.builds(
    ir.Reasoning,
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | texts,
    st.none() | texts,
    texts,
    st.none() | texts,
)


def sealed(thought: ir.Reasoning) -> str:
    text = SEALER.seal(thought)
    assert text is not None
    return text


@given(thoughts)
def test_what_was_sealed_comes_out_as_it_was(thought: ir.Reasoning) -> None:
    assert SEALER.open(sealed(thought)) == thought


@given(thoughts)
def test_a_seal_needs_no_escapes_in_json(thought: ir.Reasoning) -> None:
    text = sealed(thought)
    assert json.dumps(text) == f'"{text}"'
    assert is_seal(text)


@given(thoughts, st.data())
def test_a_seal_that_was_changed_is_none(thought: ir.Reasoning, data: st.DataObject) -> None:
    text = sealed(thought)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != text[place]))
    assert SEALER.open(text[:place] + other + text[place + 1 :]) is None


@given(thoughts, st.data())
def test_a_seal_that_was_cut_or_grew_is_none(thought: ir.Reasoning, data: st.DataObject) -> None:
    text = sealed(thought)
    assert SEALER.open(text[: data.draw(st.integers(0, len(text) - 1))]) is None
    assert SEALER.open(text + data.draw(st.text("Aa=-_\n ", min_size=1, max_size=4))) is None


def test_a_seal_of_another_key_is_none() -> None:
    assert Sealer(bytes(32)).open(sealed(ir.Reasoning("x", origin="up"))) is None


@pytest.mark.parametrize(
    "text", ["", "EqQBCg", "pst1", "pst1.", "pst2.AAAA", "pst1.!!!!", "pst1.é"]
)
def test_what_is_no_seal_is_none(text: str) -> None:
    assert SEALER.open(text) is None


def test_a_thought_that_is_too_long_for_a_field_is_not_sealed() -> None:
    noise = random.Random(1).randbytes(LIMIT).hex()
    assert SEALER.seal(ir.Reasoning(noise, origin="up")) is None


def test_a_seal_cannot_unpack_to_more_than_its_limit() -> None:
    bomb = zlib.compress(b'{"text":"' + b"x" * (4 * UNPACKED_LIMIT) + b'"}')
    packed = AESSIV(hashlib.sha512(KEY).digest()).encrypt(bomb, [PREFIX.encode()])
    assert SEALER.open(PREFIX + urlsafe_b64encode(packed).decode()) is None


def test_a_client_cannot_read_what_is_in_a_seal() -> None:
    packed = urlsafe_b64decode(sealed(ir.Reasoning("the secret", origin="up"))[len(PREFIX) :])
    with pytest.raises(zlib.error):
        zlib.decompress(packed[16:])  # behind what authenticates it
    assert b"secret" not in packed


def test_one_thought_has_one_seal() -> None:
    """What a client sends again is the same, and so is the beginning that a cache knows."""
    thought = ir.Reasoning("x", signature="y", origin="up")
    assert sealed(thought) == Sealer(KEY).seal(thought)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Sealer(b"short")
