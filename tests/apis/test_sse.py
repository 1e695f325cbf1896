"""Server-sent events: any bytes, in any chunks. The oracle is the official SDKs' own decoders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder
from strategies import chunks

from polystack.apis.sse import Parser, SSEvent, comment, frame
from polystack.core.canon.errors import UpstreamError

lines = st.one_of(
    st.just(b""),
    st.sampled_from([b"data", b"event", b": comment", b"id: 4", b"retry: 10", b"nonsense: x"]),
    st.text(
        st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=6
    ).map(lambda text: b"data: " + text.encode()),
    st.sampled_from([b"data:a", b"data:  b", b"event: ping", b"event:x"]),
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
streams = st.lists(st.tuples(lines, ends), max_size=20).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


def parsed(*pieces: bytes) -> list[SSEvent]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def as_the_sdk_reads(stream: bytes) -> Iterator[tuple[str, str]]:
    decoder = SSEDecoder()
    for sse in decoder.iter_bytes(iter([stream])):
        yield sse.event or "", sse.data


@given(streams, st.data())
def test_the_chunks_make_no_difference(stream: bytes, data: st.DataObject) -> None:
    assert parsed(*data.draw(chunks(stream))) == parsed(stream)


@given(
    st.lists(st.tuples(st.sampled_from(["", "ping", "x"]), st.text(max_size=8)), max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_well_formed_streams_read_as_the_sdk_reads_them(
    events: list[tuple[str, str]], end: bytes
) -> None:
    stream = b"".join(frame(text, name or None) for name, text in events)
    stream = stream.replace(b"\n", end)
    ours = [(event.event, event.data.decode()) for event in parsed(stream)]
    assert ours == list(as_the_sdk_reads(stream))


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [SSEvent(b"a")]),
        (b"data:a\r\n\r\n", [SSEvent(b"a")]),
        (b"data: a\r\r", [SSEvent(b"a")]),
        (b"data: a\ndata: b\n\n", [SSEvent(b"a\nb")]),
        (b"data\n\n", [SSEvent(b"")]),
        (b"event: ping\n\n", []),
        (b"event: x\ndata: 1\n\ndata: 2\n\n", [SSEvent(b"1", "x"), SSEvent(b"2")]),
        (b": hello\n\ndata: a\n\n", [SSEvent(b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [SSEvent(b"a")]),
        (b"data: \xc3\xa9\n\n", [SSEvent("é".encode())]),
        (b"data: a\n", []),
        (b"", []),
    ],
)
def test_the_standards_corners(stream: bytes, events: list[SSEvent]) -> None:
    assert parsed(stream) == events
    assert parsed(*(bytes([byte]) for byte in stream)) == events


def test_an_event_that_is_cut_off_is_pending_and_not_given() -> None:
    parser = Parser()
    assert list(parser.feed(b"data: a\n")) == []
    assert parser.pending
    assert list(parser.feed(b"\n")) == [SSEvent(b"a")]
    assert not parser.pending


@pytest.mark.parametrize("piece", [b"data: aaaa", b"data: aaaa\n"])
def test_an_endless_line_or_event_is_refused(piece: bytes) -> None:
    parser = Parser(limit=64)
    with pytest.raises(UpstreamError, match="longer than 64 bytes"):
        list(parser.feed(piece * 100))


def test_a_comment_stays_one_line() -> None:
    assert comment("a\r\nb") == b": a  b\n\n"
    assert parsed(comment("data: x")) == []
