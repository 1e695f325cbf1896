"""Server-sent events: any bytes, in any chunks. The oracle is the official SDKs' own decoders."""

from __future__ import annotations

from typing import Any

import anthropic._streaming
import openai._streaming
import pytest
from hypothesis import given
from hypothesis import strategies as st
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


def as_an_sdk_reads(decoder: Any, stream: bytes) -> list[tuple[str, str]]:
    """The events that have data: the SDKs give one too for an event of nothing but a name."""
    read = [(sse.event or "", sse.data) for sse in decoder.iter_bytes(iter([stream]))]
    return [(event, data) for event, data in read if data]


@given(streams, st.data())
def test_the_chunks_make_no_difference(stream: bytes, data: st.DataObject) -> None:
    assert parsed(*data.draw(chunks(stream))) == parsed(stream)


@pytest.mark.parametrize("decoder", [openai._streaming.SSEDecoder, anthropic._streaming.SSEDecoder])
@given(
    st.lists(st.tuples(st.sampled_from(["", "ping", "x"]), st.text(max_size=8)), max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_well_formed_streams_read_as_the_sdks_read_them(
    decoder: Any, events: list[tuple[str, str]], end: bytes
) -> None:
    stream = b"".join(frame(text, name or None) + comment("alive") for name, text in events)
    stream = stream.replace(b"\n", end)
    ours = [(event.event, event.data.decode()) for event in parsed(stream)]
    assert ours == as_an_sdk_reads(decoder(), stream)


@pytest.mark.parametrize("decoder", [openai._streaming.SSEDecoder, anthropic._streaming.SSEDecoder])
@given(streams)
def test_any_lines_read_as_the_sdks_read_them(decoder: Any, stream: bytes) -> None:
    stream = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    stream += b"\n\n"
    ours = [(event.event, event.data.decode()) for event in parsed(stream) if event.data]
    assert ours == as_an_sdk_reads(decoder(), stream)


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
        (b"\xef\xbb", []),
        (b"\n\ndata: a\n\n", [SSEvent(b"a")]),
        (b"event: x\n\ndata: a\n\n", [SSEvent(b"a")]),
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


def test_a_line_in_a_great_many_pieces_is_one_line() -> None:
    pieces = [b"data: ", *[b"a" * 10] * 5_000, b"\r", b"\n\r", b"\n"]
    assert parsed(*pieces) == [SSEvent(b"a" * 50_000)]


@pytest.mark.parametrize("piece", [b"data: aaaa", b"data: aaaa\n", b"event: " + b"a" * 100 + b"\n"])
def test_an_endless_line_or_event_is_refused(piece: bytes) -> None:
    parser = Parser(limit=64)
    with pytest.raises(UpstreamError, match="longer than 64 bytes"):
        list(parser.feed(piece * 100))


def test_a_comment_stays_one_line() -> None:
    assert comment("a\r\nb") == b": a  b\n\n"
    assert parsed(comment("data: x")) == []
