"""A connection of ours, fed with bytes: no socket, and time only where it is said."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.core.canon.errors import StackError, UpstreamError
from polystack.providers.remote.transport import Unreachable
from polystack.providers.remote.transport.alarm import Alarm
from polystack.providers.remote.transport.connection import Connection
from polystack.providers.remote.transport.limits import PIECE
from polystack.providers.remote.transport.unpacking import Unpacker

OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"content-length: 2\r\n\r\n{}"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
STREAM = CHUNKED + b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n"


class Socket(asyncio.Transport):
    """What a connection asks of its socket."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.unsent = 0
        self.reading = True
        self.open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.open = False


@dataclass
class Outcome:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None
    reusable: bool = False


async def connected(bodiless: bool = False) -> tuple[Connection, Socket]:
    connection, socket = Connection(asyncio.get_running_loop()), Socket()
    connection.connection_made(socket)
    connection.write(b"GET / HTTP/1.1\r\n\r\n", bodiless)
    return connection, socket


async def outcome(*pieces: bytes, bodiless: bool = False, lost: bool = True) -> Outcome:
    """What becomes of an answer that comes in these pieces, before the connection ends."""
    connection, socket = await connected(bodiless)
    for piece in pieces:
        if socket.open:
            connection.data_received(piece)
    found = Outcome(reusable=connection.reusable)
    if lost:
        connection.connection_lost(None)
    try:
        await connection.head(1, None)
        found.status, found.headers = connection.status, connection.headers
        while taken := await connection.take(1, None):
            found.body += taken
    except StackError as error:
        found.error = f"{type(error).__name__}: {error.message}"
    return found


ANSWERS = {
    "a length": (JSON, b"{}", True),
    "chunks": (STREAM + b"0\r\n\r\n", b"abcdefgh", True),
    "trailers": (STREAM + b"0\r\nx-late: 1\r\n\r\n", b"abcdefgh", True),
    "the end of the connection": (OK + b"x-a: 1\r\n\r\nall of it", b"all of it", False),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b"", True),
    "interim answers": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 3 + JSON, b"{}", True),
    "a request to close": (OK + b"connection: close\r\ncontent-length: 2\r\n\r\n{}", b"{}", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"{}", False),
    "an offer to upgrade": (
        OK + b"upgrade: h2\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\n{}",
        b"{}",
        True,
    ),
    "another answer": (JSON + JSON, b"{}", False),
    "rubbish behind it": (JSON + b"rubbish\r\n\r\n", b"{}", False),
}
FAILURES = {
    "cut length": (OK + b"content-length: 9\r\n\r\n{}", "UpstreamError: the upstream closed"),
    "cut chunk": (STREAM + b"ff\r\nxyz", "UpstreamError: the upstream closed"),
    "cut chunks": (STREAM, "UpstreamError: the upstream closed"),
    "cut trailers": (STREAM + b"0\r\nx-late: 1\r\n", "UpstreamError: the upstream closed"),
    "cut head": (OK + b"content-le", "Unreachable: "),
    "nothing": (b"", "Unreachable: "),
    "interim only": (b"HTTP/1.1 100 Continue\r\n\r\n", "Unreachable: "),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "UpstreamError: the upstream's answer is not HTTP"),
    "bad chunk": (STREAM + b"zz\r\n", "UpstreamError: the upstream's answer is not HTTP"),
    "two lengths": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", "UpstreamError: "),
    "length and chunks": (
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "UpstreamError: ",
    ),
    "chunks in gzip": (
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "UpstreamError: the upstream's answer is in a transfer encoding",
    ),
    "brotli": (OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}", "UpstreamError: "),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        "UpstreamError: the upstream changed to another protocol",
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_answer_ends_where_its_framing_says(kind: str) -> None:
    data, body, reusable = ANSWERS[kind]
    found = await outcome(data)
    assert (found.body, found.error, found.reusable) == (body, None, reusable)
    assert "x-late" not in found.headers
    assert "link" not in found.headers


@pytest.mark.parametrize("kind", FAILURES)
async def test_what_is_no_whole_answer_is_an_error(kind: str) -> None:
    data, error = FAILURES[kind]
    found = await outcome(data)
    assert found.error is not None
    assert found.error.startswith(error)
    assert not found.reusable


@given(
    st.sampled_from([data for data, *_ in [*ANSWERS.values(), *FAILURES.values()]]),
    st.lists(st.integers(1, 200), max_size=8),
)
def test_however_an_answer_is_cut_it_is_the_same(data: bytes, places: list[int]) -> None:
    cuts = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    pieces = [data[a:b] for a, b in pairwise(cuts)]
    assert asyncio.run(outcome(*pieces)) == asyncio.run(outcome(data))


async def test_the_answer_to_a_head_request_ends_with_its_head() -> None:
    found = await outcome(OK + b"content-length: 5\r\n\r\n", bodiless=True, lost=False)
    assert (found.status, found.body, found.error) == (200, b"", None)
    assert not found.reusable


async def test_headers_are_limited_in_number_and_in_length() -> None:
    many = b"".join(b"x-%d: 1\r\n" % i for i in range(250))
    assert (await outcome(OK + many + b"content-length: 2\r\n\r\n{}")).error is None
    found = await outcome(OK + many + b"x: 1\r\n" * 10 + b"content-length: 2\r\n\r\n{}")
    assert "over 256 headers" in (found.error or "")
    long = OK + b"x-long: "
    assert "64 KiB" in ((await outcome(long, *[b"a" * 8192] * 20)).error or "")


@pytest.mark.parametrize(
    ("begin", "more"),
    [(STREAM + b"0\r\n", b"x-late: 1\r\n" * 1000), (b"", b"HTTP/1.1 102 Wait\r\n\r\n" * 1000)],
    ids=["trailers", "interim answers"],
)
async def test_what_never_comes_to_a_body_comes_to_an_end(begin: bytes, more: bytes) -> None:
    found = await outcome(begin or more, *[more] * 20, lost=False)
    assert "64 KiB without a body" in (found.error or "")


async def test_a_body_that_nobody_takes_is_not_read_any_further() -> None:
    connection, socket = await connected()
    connection.data_received(CHUNKED)
    while socket.reading:
        connection.data_received(b"10000\r\n" + b"a" * 65536 + b"\r\n")
    connection.data_received(b"0\r\n\r\n")
    assert not connection.reusable, "what is unread would stay on it"
    assert PIECE < len(await connection.take(1, None)) < 2 * PIECE
    assert socket.reading
    assert await connection.take(1, None) == b""
    assert connection.reusable


async def test_a_connection_whose_request_is_not_all_sent_is_not_used_again() -> None:
    connection, socket = await connected()
    connection.data_received(JSON)
    assert connection.reusable
    socket.unsent = 1
    assert not connection.reusable


async def test_closing_a_body_that_ends_with_its_connection_does_not_complete_it() -> None:
    connection, _ = await connected()
    connection.data_received(OK + b"\r\nhalf")
    await connection.head(1, None)
    assert await connection.take(1, None) == b"half"
    connection.abort()
    connection.connection_lost(None)
    with pytest.raises(UpstreamError, match="in the middle"):
        await connection.take(1, None)


async def test_a_head_is_an_answer_even_where_its_body_fails_with_it() -> None:
    found = await outcome(STREAM + b"zz\r\n")
    assert (found.status, found.body) == (200, b"abcdefgh")


async def test_a_reset_ends_no_body_that_only_the_connection_ends() -> None:
    connection, _ = await connected()
    connection.data_received(OK + b"\r\nhalf")
    connection.connection_lost(ConnectionResetError())
    assert await connection.take(1, None) == b"half"
    with pytest.raises(UpstreamError, match="in the middle"):
        await connection.take(1, None)


async def test_a_connection_that_is_lost_while_idle_cannot_answer() -> None:
    connection, _ = await connected()
    connection.connection_lost(None)
    with pytest.raises(Unreachable):
        await connection.head(1, None)


# Unpacking ---------------------------------------------------------------------------------------

TEXT = b"data: %d\n\n" * 40 % tuple(range(40))


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


MEMBERS = gzip.compress(TEXT[:50]) + gzip.compress(b"") + gzip.compress(TEXT[50:])
PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "gzip members": ("x-gzip", MEMBERS),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "raw deflate": ("deflate", raw_deflate(TEXT)),
}


@given(st.sampled_from(sorted(PACKED)), st.lists(st.integers(1, 120), max_size=6))
def test_what_is_packed_comes_out_however_it_is_cut(kind: str, places: list[int]) -> None:
    packing, data = PACKED[kind]
    unpacker = Unpacker(packing)
    cuts = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    found = b"".join(piece for a, b in pairwise(cuts) for piece in unpacker.feed(data[a:b]))
    unpacker.close()
    assert found == TEXT


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_packed_and_cut_is_not_whole(kind: str) -> None:
    packing, data = PACKED[kind]
    unpacker = Unpacker(packing)
    assert TEXT.startswith(b"".join(unpacker.feed(data[:-1])))
    with pytest.raises(UpstreamError, match="ends in its middle"):
        unpacker.close()


def test_what_is_not_packed_is_not_unpacked() -> None:
    with pytest.raises(UpstreamError, match="not compressed as it says"):
        list(Unpacker("gzip").feed(b'{"not": "packed"}'))


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_unpacking_never_makes_much_at_once(size: int) -> None:
    unpacker = Unpacker("gzip")
    pieces = list(unpacker.feed(gzip.compress(b"\0" * size)))
    unpacker.close()
    assert sum(map(len, pieces)) == size
    assert max(map(len, pieces)) <= PIECE


# The alarm ---------------------------------------------------------------------------------------


async def test_an_alarm_rings_at_the_time_that_was_set_last() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    alarm = Alarm(loop, rung.set)
    start = loop.time()
    alarm.set(start + 60)
    alarm.set(start + 0.02)
    alarm.set(start + 0.06)  # later than the timer, which looks again
    await asyncio.wait_for(rung.wait(), 30)
    assert loop.time() - start >= 0.059


async def test_an_alarm_that_was_cleared_does_not_ring() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    cleared, stopped = Alarm(loop, rung.set), Alarm(loop, rung.set)
    for alarm in (cleared, stopped):
        alarm.set(loop.time() + 0.01)
    cleared.clear()
    stopped.stop()
    await asyncio.sleep(0.03)
    assert not rung.is_set()
    cleared.set(loop.time() + 0.01)
    await asyncio.wait_for(rung.wait(), 30)
