"""Stop strings are met wherever the text is cut, and nothing of one ever goes out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces

from polystack.core.canon.stopping import StopStrings

letters = st.text("ab", max_size=12)
stops = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3).map(tuple)


def by_characters(text: str, strings: tuple[str, ...]) -> tuple[str, str | None]:
    """The text before the first stop string to be complete; the longest of several at once."""
    for end in range(len(text) + 1):
        met = [string for string in strings if text[:end].endswith(string)]
        if met:
            longest = max(met, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(letters, stops, st.data())
def test_the_cuts_of_a_text_make_no_difference(
    text: str, strings: tuple[str, ...], data: st.DataObject
) -> None:
    stopping = StopStrings(strings)
    out = "".join(stopping.feed(piece) for piece in data.draw(pieces(text)))
    if stopping.met is None:
        out += stopping.flush()
    assert (out, stopping.met) == by_characters(text, strings)


@given(letters, stops)
def test_only_what_may_become_a_stop_string_waits(text: str, strings: tuple[str, ...]) -> None:
    stopping = StopStrings(strings)
    out = stopping.feed(text)
    if stopping.met is None:
        waiting = text.removeprefix(out)
        assert len(waiting) == stopping.held
        assert not waiting or any(s.startswith(waiting) and s != waiting for s in strings)


def test_what_waited_in_vain_is_given_at_the_end() -> None:
    stopping = StopStrings(("END",))
    assert stopping.feed("the E") == "the "
    assert stopping.held == 1
    assert stopping.feed("N") == ""
    assert stopping.flush() == "EN"
    assert stopping.met is None
