"""Drafts are what followed before, for as long as they hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from polystack.providers.local.lookup import Lookup

TEXT = [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_what_followed_the_last_time_is_the_draft() -> None:
    assert Lookup(8).draft([*TEXT, 0, 1, 2, 3], 8) == [4, 5, 6, 7]


def test_the_latest_time_counts() -> None:
    assert Lookup(2).draft([*TEXT, 1, 2, 3, 0, 0, 1, 2, 3], 8) == [0, 0]


def test_what_was_never_said_before_has_no_draft() -> None:
    assert Lookup(8).draft(TEXT, 8) == []
    assert Lookup(8).draft([1], 8) == []


def test_a_draft_fits_into_the_room() -> None:
    assert Lookup(8).draft([*TEXT, 1, 2, 3], 2) == [4, 5]


def test_drafts_grow_where_they_hold_and_shrink_where_they_do_not() -> None:
    lookup = Lookup(8)
    lookup.learn(4, 4)
    assert len(lookup.draft([*TEXT, *TEXT, 1, 2, 3], 20)) == 8
    for _ in range(5):
        lookup.learn(8, 0)
    assert len(lookup.draft([*TEXT, *TEXT, 1, 2, 3, 4], 20)) == 1


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 9))
def test_a_text_read_in_pieces_has_the_same_drafts(tokens: list[int], step: int) -> None:
    pieces, whole = Lookup(6), Lookup(6)
    for end in range(step, len(tokens), step):
        pieces.draft(tokens[:end], 6)
    assert pieces.draft(tokens, 6) == whole.draft(tokens, 6)
