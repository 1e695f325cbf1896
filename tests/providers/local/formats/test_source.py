"""What readers wait for: the same found in any pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces

from polystack.providers.local.formats.source import Malformed, Source, Truncated, Wait

Read = Callable[[Source], Wait[Any]]


def run(read: Read, chunks: list[str]) -> tuple[Any, str]:
    """What is read of these pieces, and what is left of them."""
    source = Source()
    reader = read(source)
    waiting = iter(chunks)
    while True:
        try:
            next(reader)
        except StopIteration as found:
            rest = source.text[source.at :] + "".join(waiting)
            return found.value, rest
        piece = next(waiting, None)
        if piece is None:
            source.closed = True
        else:
            source.add(piece)


READS: dict[str, tuple[Read, str, Any, str]] = {
    "space": (lambda s: s.space(), "  \n x", "x", "x"),
    "space to the end": (lambda s: s.space(), "  ", "", ""),
    "the longest mark": (lambda s: s.take("<a", "<ab>"), "<ab>c", "<ab>", "c"),
    "the shorter mark": (lambda s: s.take("<a", "<ab>"), "<ac", "<a", "c"),
    "no mark": (lambda s: s.take("<a>"), "<b>", "", "<b>"),
    "a mark that is cut off": (lambda s: s.take("<abc>"), "<ab", "", "<ab"),
    "up to a mark": (lambda s: s.until("<a>", "<b>"), "x<<b>y<a>", ("x<", "<b>"), "y<a>"),
    "a value": (lambda s: s.whole(), '{"a": "}"}x', '{"a": "}"}', "x"),
    "the rest of a value": (lambda s: s.whole(1), ', "b": [1]}x', ', "b": [1]}', "x"),
    "an end that is cut off": (lambda s: s.close("</call>"), "\n</ca", "", ""),
    "an end that is none": (lambda s: s.close("</call>"), "</cat", "", "</cat"),
}


@pytest.mark.parametrize(("read", "text", "found", "rest"), READS.values(), ids=READS)
@given(data=st.data())
def test_it_reads_the_same_in_any_pieces(
    data: st.DataObject, read: Read, text: str, found: Any, rest: str
) -> None:
    assert run(read, data.draw(pieces(text))) == (found, rest)


@pytest.mark.parametrize(
    ("read", "text", "error"),
    [
        (lambda s: s.until("<a>"), "never", Truncated),
        (lambda s: s.until("<a>", limit=3), "much more", Malformed),
        (lambda s: s.expect("<a>"), "<b>", Malformed),
        (lambda s: s.expect("<a>"), "", Truncated),
        (lambda s: s.whole(), '{"a": 1', Truncated),
        (lambda s: s.whole(), '{"a": <end>', Malformed),
    ],
)
def test_what_is_not_there_is_told(read: Read, text: str, error: type[Malformed]) -> None:
    with pytest.raises(error):
        run(read, list(text))


def test_a_value_goes_out_as_it_comes_and_never_comes_back() -> None:
    source, out = Source(), list[str]()
    source.add('{"a"')
    reader = source.value(out.append)
    next(reader)
    assert (out, source.text) == (['{"a"'], "")
    source.add(": 1} rest")
    with pytest.raises(StopIteration):
        next(reader)
    assert (out, source.text, source.at) == (['{"a"', ": 1}"], " rest", 0)
