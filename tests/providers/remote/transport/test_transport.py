"""What both transports promise, on sockets of our own that say exactly what a test wants said."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystack.core.canon.errors import ConfigError, StackError, UpstreamError, UpstreamTimeout
from polystack.providers.remote.transport import Answer, Timeouts, Tls, Transport, Unreachable, pool
from polystack.providers.remote.transport.choice import transport
from polystack.providers.remote.transport.direct import Direct
from polystack.providers.remote.transport.pooled import Pooled

BODY = b'{"a": 1}'
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
SOON = Timeouts(connect=5, first_byte=5, idle=5)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Server:
    """A socket server; `asked` are the heads that came, `closed` counts connections that ended."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self.closed = 0
        self.port = 0
        self.gone = asyncio.Event()
        self.answered = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/x?y=1"

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return await reader.readexactly(int(length or 0))


Handler = Callable[[Server, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(
    handler: Handler,
    context: ssl.SSLContext | None = None,
    delay: float = 0.0,
) -> AsyncIterator[Server]:
    """A server on a port that is open at once; after `delay` seconds somebody is there."""
    server = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            await handler(server, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            server.closed += 1
            server.gone.set()
            writer.close()

    port = socket.create_server(("127.0.0.1", 0))
    server.port = port.getsockname()[1]
    listener = await asyncio.start_server(connected, sock=port, ssl=context, start_serving=False)
    starting = asyncio.create_task(started(listener, delay))
    try:
        yield server
    finally:
        await starting
        listener.close()
        await listener.wait_closed()


async def started(listener: asyncio.Server, delay: float) -> None:
    await asyncio.sleep(delay)
    await listener.start_serving()


def playing(*pieces: bytes | None, forever: bool = True) -> Handler:
    """Answers each request with these pieces, each a write of its own; None closes."""

    async def play(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await server.request(reader)
            for piece in pieces:
                if piece is None:
                    return
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.005)
            if not forever:
                await reader.read()
                return

    return play


@pytest.fixture(params=[Direct, Pooled], ids=["direct", "pooled"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    made: Transport = request.param()
    yield made
    await made.aclose()
    await asyncio.sleep(0)


async def ask(wire: Transport, server: Server, timeouts: Timeouts = SOON) -> Answer:
    headers = {"content-type": "application/json", "x-own": "1"}
    return await wire.send("POST", server.url, headers, b'{"q":2}', timeouts)


async def read(wire: Transport, server: Server, timeouts: Timeouts = SOON) -> bytes:
    answer = await ask(wire, server, timeouts)
    try:
        return await answer.read(1 << 20)
    finally:
        await answer.aclose()


async def test_a_request_arrives_as_it_was_given(wire: Transport) -> None:
    async with served(playing(JSON)) as server:
        answer = await ask(wire, server)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert await answer.read(100) == BODY
        await answer.aclose()
    (head,) = server.asked
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/x?y=1 http/1.1"
    assert "x-own: 1" in lines
    assert "accept-encoding: identity" in lines
    assert any(line.startswith("user-agent: polystack/") for line in lines)
    assert not any(line.startswith("cookie") for line in lines)


async def test_a_connection_serves_one_call_after_another(wire: Transport) -> None:
    async with served(playing(JSON)) as server:
        for _ in range(5):
            assert await read(wire, server) == BODY
        assert server.connections == 1


async def test_pieces_come_as_they_arrive(wire: Transport) -> None:
    pieces = [chunk(b"data: %d\n\n" % i) for i in range(5)]
    async with served(playing(CHUNKED, *pieces, b"0\r\n\r\n")) as server:
        answer = await ask(wire, server)
        found = [piece async for piece in answer.chunks()]
        await answer.aclose()
        assert b"".join(found) == b"".join(b"data: %d\n\n" % i for i in range(5))
        assert len(found) > 1
        assert await read(wire, server) == b"".join(found), "and the connection is used again"
        assert server.connections == 1


async def test_what_one_read_brings_is_one_piece(wire: Transport) -> None:
    whole = CHUNKED + b"".join(chunk(b"data: %d\n\n" % i) for i in range(5)) + b"0\r\n\r\n"
    async with served(playing(whole)) as server:
        answer = await ask(wire, server)
        found = [piece async for piece in answer.chunks()]
        await answer.aclose()
    assert len(found) == 1


async def test_a_body_may_end_with_its_connection(wire: Transport) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
    async with served(playing(head, b"one ", b"two", None)) as server:
        assert await read(wire, server) == b"one two"
        assert await read(wire, server) == b"one two"
        assert server.connections == 2


async def test_an_answer_without_a_body_has_none(wire: Transport) -> None:
    async with served(playing(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        assert await read(wire, server) == b""
        assert await read(wire, server) == b""


async def test_an_interim_answer_is_not_the_answer(wire: Transport) -> None:
    async with served(playing(b"HTTP/1.1 100 Continue\r\n\r\n", JSON)) as server:
        assert await read(wire, server) == BODY
        assert await read(wire, server) == BODY


async def test_the_answer_to_a_head_request_has_no_body(wire: Transport) -> None:
    async with served(playing(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as server:
        answer = await wire.send("HEAD", server.url, {}, b"", SOON)
        assert await answer.read(100) == b""
        await answer.aclose()


async def test_a_long_header_is_read_and_stays_as_it_is(wire: Transport) -> None:
    long = b"x-long: " + b"a" * 20_000 + "\r\nx-own: \u00e9\r\n".encode("latin-1")
    many = b"".join(b"x-%d: 1\r\n" % i for i in range(200))
    head = b"HTTP/1.1 200 OK\r\n" + long + many + b"x-own: 2\r\ncontent-length: 0\r\n\r\n"
    async with served(playing(head)) as server:
        answer = await ask(wire, server)
        assert len(answer.headers["x-long"]) == 20_000
        assert answer.headers["x-own"] == "\u00e9, 2"
        await answer.aclose()


async def test_trailers_are_no_headers(wire: Transport) -> None:
    end = b"0\r\ncontent-type: text/html\r\nx-late: 1\r\n\r\n"
    async with served(playing(CHUNKED + chunk(BODY) + end)) as server:
        answer = await ask(wire, server)
        assert await answer.read(100) == BODY
        assert answer.headers["content-type"] == "text/event-stream"
        assert "x-late" not in answer.headers
        await answer.aclose()


async def test_a_redirect_is_an_answer_and_is_not_followed(wire: Transport) -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with served(playing(moved)) as server:
        answer = await ask(wire, server)
        assert answer.status == 307
        await answer.aclose()


async def test_what_is_compressed_all_the_same_is_unpacked(wire: Transport) -> None:
    packed = gzip.compress(BODY * 100)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    async with served(playing(head + packed[:20], packed[20:])) as server:
        answer = await ask(wire, server)
        assert "content-encoding" not in answer.headers
        assert await answer.read(10_000) == BODY * 100
        await answer.aclose()


async def test_what_is_compressed_and_cut_is_no_answer(wire: Transport) -> None:
    packed = gzip.compress(BODY * 100)[:-9]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    assert "ends in its middle" in (await failure(wire, head + packed)).message


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_too_long(wire: Transport) -> None:
    packed = gzip.compress(b"\0" * (64 << 20))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    assert "longer than" in (await failure(wire, head + packed)).message


@pytest.mark.parametrize("packing", [b"br", b"zstd", b"compress", b"gzip, gzip"])
async def test_what_nobody_can_unpack_is_refused(wire: Transport, packing: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: " + packing + b"\r\ncontent-length: 4\r\n\r\n"
    assert "though asked not to" in (await failure(wire, head + b"abcd")).message


async def test_a_long_answer_is_refused_and_not_kept(wire: Transport) -> None:
    async with served(playing(JSON)) as server:
        answer = await ask(wire, server)
        with pytest.raises(UpstreamError, match="longer than 4 bytes"):
            await answer.read(4)
        await answer.aclose()


async def test_a_slow_reader_makes_the_server_wait_and_loses_nothing(wire: Transport) -> None:
    data = bytes(range(256)) * 4096  # 1 MiB
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (4 * len(data))
    async with served(playing(head, data, data, data, data)) as server:
        for _ in range(2):
            answer = await ask(wire, server)
            found = b""
            async for piece in answer.chunks():
                found += piece
                await asyncio.sleep(0.001)
            await answer.aclose()
            assert found == data * 4
        assert server.connections == 1


# What goes wrong ---------------------------------------------------------------------------------


async def failure(wire: Transport, *pieces: bytes | None, timeouts: Timeouts = SOON) -> StackError:
    async with served(playing(*pieces, forever=False)) as server:
        with pytest.raises(StackError) as caught:
            await read(wire, server, timeouts)
        assert "127.0.0.1" not in caught.value.message
        return caught.value


async def test_nobody_there_is_unreachable(wire: Transport) -> None:
    async with served(playing(JSON)) as server:
        pass
    with pytest.raises(Unreachable, match="refused the connection"):
        await read(wire, server)


async def test_a_name_that_nobody_knows_is_unreachable(wire: Transport) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        await wire.send("GET", "http://nobody.invalid/v1", {}, b"", SOON)


async def test_a_connection_that_closes_without_an_answer_is_unreachable(wire: Transport) -> None:
    assert isinstance(await failure(wire, None), Unreachable)
    assert isinstance(await failure(wire, b"HTTP/1.1 200 OK\r\ncont", None), Unreachable)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n", b'{"a"', None),
        (CHUNKED, chunk(b"data"), None),
        (CHUNKED, b"ff\r\ndata", None),
    ],
)
async def test_a_body_that_is_cut_is_no_answer(
    wire: Transport, pieces: tuple[bytes | None, ...]
) -> None:
    error = await failure(wire, *pieces)
    assert "in the middle of its answer" in error.message
    assert not isinstance(error, Unreachable)


async def test_what_is_not_http_is_said_to_be_none(wire: Transport) -> None:
    assert "not HTTP" in (await failure(wire, b"SSH-2.0-OpenSSH\r\n\r\n", None)).message


async def test_a_head_without_an_end_is_an_error(wire: Transport) -> None:
    error = await failure(wire, b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 40_000, None)
    assert isinstance(error, UpstreamError)


@contextmanager
def deaf() -> Iterator[str]:
    """The address of somebody who lets nobody in: the queue of connections is full."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for one in waiting:
            one.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
async def test_a_connection_that_is_not_accepted_is_a_timeout_of_its_own(wire: Transport) -> None:
    with deaf() as url:
        for timeouts, limit in (
            (Timeouts(connect=0.1), "0.1 seconds"),
            (Timeouts(connect=30, total=0.1), "the time set for a call"),
        ):
            with pytest.raises(UpstreamTimeout, match=f"accept a connection within {limit}"):
                await wire.send("POST", url, {}, b"{}", timeouts)


async def test_the_wait_for_an_answer_begins_when_the_connection_stands(
    certificate: tuple[Path, Path],
) -> None:
    for kind in (Direct, Pooled):
        async with served(playing(JSON), served_by(certificate), delay=0.5) as server:
            wire = kind(Tls(ca=str(certificate[0])))
            url = server.url.replace("http:", "https:")
            answer = await wire.send("POST", url, {}, b"{}", Timeouts(first_byte=0.4))
            assert await answer.read(100) == BODY
            await answer.aclose()
            await wire.aclose()


async def test_a_stall_is_a_timeout_of_its_phase(wire: Transport) -> None:
    short = Timeouts(first_byte=0.05, idle=0.05)
    error = await failure(wire, timeouts=short)
    assert isinstance(error, UpstreamTimeout)
    assert "the head of its answer within 0.05 seconds" in error.message
    error = await failure(wire, CHUNKED, chunk(b"x"), timeouts=short)
    assert isinstance(error, UpstreamTimeout)
    assert "more of its answer within 0.05 seconds" in error.message


async def test_a_drip_is_no_stall_but_has_a_total(wire: Transport) -> None:
    drip = [CHUNKED, *[chunk(b"x")] * 30]
    error = await failure(wire, *drip, timeouts=Timeouts(idle=5, total=0.05))
    assert isinstance(error, UpstreamTimeout)
    assert "the time set for a call" in error.message


async def test_a_body_without_pauses_has_a_total_too(wire: Transport) -> None:
    async def flood(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with served(flood) as server:
        answer = await ask(wire, server, Timeouts(total=0.1))
        with pytest.raises(UpstreamTimeout, match="the time set for a call"):
            async for _ in answer.chunks():
                pass
        await answer.aclose()


async def test_a_kept_connection_that_died_meanwhile_is_replaced(wire: Transport) -> None:
    async def once(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(JSON)
        await writer.drain()

    async with served(once) as server:
        assert await read(wire, server) == BODY
        await server.gone.wait()
        await asyncio.sleep(0.01)
        assert await read(wire, server) == BODY
        assert server.connections == 2


def answering(*answers: bytes) -> Handler:
    """The n-th request on a connection gets the n-th of these bytes; after the last it closes."""

    async def answer(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for data in answers:
            await server.request(reader)
            writer.write(data)
            await writer.drain()

    return answer


async def test_a_request_that_a_kept_connection_did_not_answer_is_sent_once_more(
    wire: Transport,
) -> None:
    async with served(answering(JSON, b"")) as server:
        assert await read(wire, server) == BODY
        assert await read(wire, server) == BODY
        assert (len(server.asked), server.connections) == (3, 2)


async def test_a_request_is_not_sent_a_third_time(wire: Transport) -> None:
    async def once(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        if server.connections == 1:
            writer.write(JSON)
            await writer.drain()
            await server.request(reader)

    async with served(once) as server:
        assert await read(wire, server) == BODY
        with pytest.raises(Unreachable, match="without an answer"):
            await read(wire, server)
        assert (len(server.asked), server.connections) == (3, 2)


async def test_a_request_that_was_half_answered_is_not_sent_again(wire: Transport) -> None:
    async with served(answering(JSON, b"HTTP/1.1 200 OK\r\ncont")) as server:
        assert await read(wire, server) == BODY
        with pytest.raises(Unreachable):
            await read(wire, server)
        assert (len(server.asked), server.connections) == (2, 1)


async def test_a_connection_that_is_idle_for_long_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "KEPT", 0.02)
    wire = Direct()
    async with served(playing(JSON)) as server:
        assert await read(wire, server) == BODY
        await asyncio.wait_for(server.gone.wait(), 30)
        assert await read(wire, server) == BODY
    await wire.aclose()


async def test_an_answer_that_comes_before_its_request_is_out_spoils_the_connection() -> None:
    async def early(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(JSON)
        await server.gone.wait()

    wire = Direct()
    async with served(early) as server:
        answer = await wire.send("POST", server.url, {}, bytes(32 << 20), SOON)
        assert await answer.read(100) == BODY
        await answer.aclose()
        server.gone.set()
        assert await read(wire, server) == BODY
        assert server.connections == 2
    await wire.aclose()


@pytest.mark.parametrize(
    "framing",
    [b"content-length: 8\r\ntransfer-encoding: chunked", b"transfer-encoding: gzip, chunked"],
)
async def test_a_body_without_one_clear_length_is_refused(wire: Transport, framing: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n"
    assert isinstance(await failure(wire, head, chunk(BODY), b"0\r\n\r\n"), UpstreamError)


async def test_another_protocol_is_no_answer(wire: Transport) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    assert "another protocol" in (await failure(wire, head)).message


async def test_bytes_behind_an_answer_spoil_the_connection() -> None:
    wire = Direct()
    async with served(playing(JSON + JSON)) as server:
        assert await read(wire, server) == BODY
        assert await read(wire, server) == BODY
        assert server.connections == 2
    await wire.aclose()


async def test_bytes_that_nobody_asked_for_are_no_answer() -> None:
    async def evil(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(JSON)
        await writer.drain()
        await server.gone.wait()
        writer.write(JSON.replace(BODY, b'{"a": 2}'))
        await writer.drain()
        server.answered.set()
        await server.request(reader)

    wire = Direct()
    async with served(evil) as server:
        server.gone.clear()
        assert await read(wire, server) == BODY
        server.gone.set()
        await server.answered.wait()
        # No turn of the loop lies between the bytes and the next request.
        server.gone.set()
        assert await read(wire, server) == BODY
        assert server.connections == 2
    await wire.aclose()


async def test_a_header_cannot_smuggle_another() -> None:
    wire = Direct()
    for value in ("a\r\nx-evil: 1", "a\nb", "a\0b"):
        with pytest.raises(UpstreamError, match="line break"):
            await wire.send("GET", "http://127.0.0.1:1/", {"x-a": value}, b"", SOON)


# Leaving early -----------------------------------------------------------------------------------


async def test_closing_early_closes_the_connection(wire: Transport) -> None:
    async with served(playing(CHUNKED, chunk(b"x"), forever=False)) as server:
        answer = await ask(wire, server)
        async for _ in answer.chunks():
            break
        await answer.aclose()
        await asyncio.wait_for(server.gone.wait(), 30)


@pytest.mark.parametrize("pieces", [(), (CHUNKED,), (CHUNKED, chunk(b"x"))])
async def test_cancelling_closes_the_connection(wire: Transport, pieces: tuple[bytes, ...]) -> None:
    async with served(playing(*pieces, forever=False)) as server:
        task = asyncio.create_task(read(wire, server))
        while not server.asked:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 30)


@pytest.mark.parametrize("closer", ["answer", "transport"])
async def test_closing_under_a_reader_is_no_end_of_the_body(wire: Transport, closer: str) -> None:
    async with served(playing(b"HTTP/1.1 200 OK\r\n\r\n", b"half", forever=False)) as server:
        answer = await ask(wire, server)
        reading = asyncio.create_task(answer.read(100))
        await asyncio.sleep(0.03)
        await (answer if closer == "answer" else wire).aclose()
        with pytest.raises(UpstreamError):
            await asyncio.wait_for(reading, 30)
        await answer.aclose()
        with pytest.raises(UpstreamError):
            await answer.read(100)


async def test_a_closed_transport_opens_nothing(wire: Transport) -> None:
    async with served(playing(JSON)) as server:
        assert await read(wire, server) == BODY
        await wire.aclose()
        await asyncio.wait_for(server.gone.wait(), 30)
        with pytest.raises(Unreachable, match="was stopped"):
            await read(wire, server)
        assert server.connections == 1


class Interrupted:
    """Runs a call, and cancels it when it waits for the n-th time."""

    def __init__(self, call: Coroutine[object, None, bytes], nth: int) -> None:
        self._call = call
        self._nth = nth
        self.over = False

    def __await__(self) -> Generator[object, None, bytes]:
        task = asyncio.current_task()
        assert task is not None
        for step in count():
            try:
                awaited = self._call.send(None)
            except StopIteration as end:
                self.over = True
                result: bytes = end.value
                return result
            if step == self._nth:
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield awaited
            except BaseException as error:
                self._call.throw(error)
                raise AssertionError("the call went on after it was cancelled") from error
        raise AssertionError("unreachable")


async def settled(server: Server) -> None:
    while server.closed < server.connections:
        await asyncio.sleep(0.001)


async def test_a_call_that_is_cancelled_at_any_await_leaves_nothing(wire: Transport) -> None:
    handler = playing(CHUNKED, chunk(b"one"), chunk(b"two"), b"0\r\n\r\n")
    async with served(handler) as server:
        before, cancelled = asyncio.all_tasks(), 0
        while True:
            call = Interrupted(read(wire, server), cancelled)
            try:
                assert await call == b"onetwo"
            except asyncio.CancelledError:
                cancelled += 1
            if call.over:
                break
            await asyncio.wait_for(settled(server), 30)
            while asyncio.all_tasks() - before:
                await asyncio.sleep(0.001)
        assert cancelled > 3
        assert await read(wire, server) == b"onetwo"
        assert server.connections - server.closed == 1


async def test_many_calls_at_once_never_mix(wire: Transport) -> None:
    async def echo(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            canary = await server.request(reader)
            writer.write(CHUNKED)
            for _ in range(10):
                writer.write(chunk(canary))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")

    async def one(server: Server, i: int) -> None:
        canary = b"canary-%d;" % i
        answer = await wire.send("POST", server.url, {}, canary, SOON)
        found = b""
        async for piece in answer.chunks():
            found += piece
            if i % 5 == 0:
                break
        await answer.aclose()
        assert (canary * 10).startswith(found)
        assert found == canary * 10 or i % 5 == 0

    async with served(echo) as server:
        for _ in range(3):
            await asyncio.gather(*(one(server, i) for i in range(50)))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 260), max_size=12))
def test_an_answer_cut_anywhere_is_the_same_answer(places: list[int]) -> None:
    body = b"".join(chunk(b"data: %d\n\n" % i) for i in range(12)) + b"0\r\n\r\n"
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + body
    cuts = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    pieces = [data[a:b] for a, b in pairwise(cuts)]

    async def run() -> bytes:
        wire = Direct()
        async with served(playing(*pieces)) as server:
            found = await read(wire, server)
        await wire.aclose()
        return found

    assert asyncio.run(run()) == b"".join(b"data: %d\n\n" % i for i in range(12))


# TLS and proxies ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and with it no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def served_by(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.parametrize("kind", [Direct, Pooled])
async def test_tls_is_checked_unless_told_otherwise(
    kind: type[Direct] | type[Pooled], certificate: tuple[Path, Path]
) -> None:
    cert, _ = certificate
    async with served(playing(JSON), served_by(certificate)) as server:
        url = server.url.replace("http:", "https:")
        for tls in (Tls(ca=str(cert)), Tls(verify=False)):
            wire = kind(tls)
            answer = await wire.send("POST", url, {}, b"{}", SOON)
            assert await answer.read(100) == BODY
            await answer.aclose()
            await wire.aclose()
        wire = kind()
        with pytest.raises(Unreachable, match="no trusted TLS connection"):
            await wire.send("POST", url, {}, b"{}", SOON)
        await wire.aclose()


@pytest.mark.parametrize("kind", [Direct, Pooled])
async def test_a_client_may_have_a_certificate_of_its_own(
    kind: type[Direct] | type[Pooled], certificate: tuple[Path, Path]
) -> None:
    cert, key = map(str, certificate)
    context = served_by(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    async with served(playing(JSON), context) as server:
        wire = kind(Tls(ca=cert, certificate=cert, key=key))
        url = server.url.replace("http:", "https:")
        answer = await wire.send("POST", url, {}, b"{}", SOON)
        assert await answer.read(100) == BODY
        await answer.aclose()
        await wire.aclose()


@pytest.mark.parametrize("kind", [Direct, Pooled])
async def test_files_that_cannot_be_used_are_found_at_the_start(
    kind: type[Direct] | type[Pooled], certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = map(str, certificate)
    (empty := tmp_path / "empty.pem").touch()
    for tls in (
        Tls(ca=str(tmp_path / "nothing.pem")),
        Tls(ca=str(empty)),
        Tls(certificate=str(empty), key=key),
        Tls(certificate=cert, key=str(empty)),
        Tls(key=key),
    ):
        with pytest.raises(ConfigError, match="tls: "):
            kind(tls)


@pytest.mark.parametrize("kind", [Direct, Pooled])
async def test_a_server_without_tls_is_not_trusted(kind: type[Direct] | type[Pooled]) -> None:
    async def plain(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with served(plain) as server:
        wire = kind()
        with pytest.raises(Unreachable, match="no trusted TLS connection"):
            await wire.send("POST", server.url.replace("http:", "https:"), {}, b"{}", SOON)
        await wire.aclose()


def tunnel(port: int, status: bytes = b"200 OK") -> Handler:
    """A proxy that connects everybody to one port of this machine, or says why not."""

    async def connect(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        await writer.drain()
        if status.startswith(b"200"):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(passed(reader, far_writer), passed(far_reader, writer))

    return connect


async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_is_asked_for_a_tunnel_to_a_tls_server(
    certificate: tuple[Path, Path],
) -> None:
    async with (
        served(playing(JSON), served_by(certificate)) as server,
        served(tunnel(server.port)) as proxy,
    ):
        wire = transport(Tls(ca=str(certificate[0])), f"http://127.0.0.1:{proxy.port}")
        answer = await wire.send("POST", f"https://localhost:{server.port}/v1", {}, b"{}", SOON)
        assert await answer.read(100) == BODY
        await answer.aclose()
        await wire.aclose()
    assert proxy.asked[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % server.port)


async def test_what_is_wrong_with_a_proxy_is_not_said_of_the_upstream() -> None:
    async with served(tunnel(0, b"407 Proxy Authentication Required")) as proxy:
        wire = transport(Tls(), f"http://127.0.0.1:{proxy.port}")
        send = partial(wire.send, "POST", "https://far.invalid/v1", {}, b"{}", SOON)
        with pytest.raises(Unreachable, match="the proxy answered 407"):
            await send()
    with pytest.raises(Unreachable, match="the proxy cannot be reached"):
        await send()
    await wire.aclose()


def test_without_httptools_there_is_the_other_transport() -> None:
    code = """
import sys
from polystack.providers.remote.transport import Tls
from polystack.providers.remote.transport.choice import transport
assert not {"aiohttp", "httptools"} & sys.modules.keys()
sys.modules["httptools"] = None
print(type(transport(Tls(), None)).__name__, "aiohttp" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["Pooled", "False"]


async def test_a_proxy_is_asked_for_the_whole_address() -> None:
    wire = transport(Tls(), None)
    assert isinstance(wire, Direct)
    async with served(playing(JSON)) as proxy:
        through = transport(Tls(), f"http://127.0.0.1:{proxy.port}")
        assert isinstance(through, Pooled)
        answer = await through.send("POST", "http://far.invalid/v1/x", {}, b"{}", SOON)
        assert await answer.read(100) == BODY
        await answer.aclose()
        await through.aclose()
    assert proxy.asked[0].startswith(b"POST http://far.invalid/v1/x HTTP/1.1\r\n")
