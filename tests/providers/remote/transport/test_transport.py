"""What both transports promise, on sockets of our own that say exactly what a test wants said."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystack.core.canon.errors import StackError, UpstreamError, UpstreamTimeout
from polystack.providers.remote.transport import Answer, Timeouts, Tls, Transport, Unreachable
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
) -> AsyncIterator[Server]:
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

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


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


async def test_two_lengths_are_refused() -> None:
    both = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\ntransfer-encoding: chunked\r\n\r\n"
    wire = Direct()
    await failure(wire, both, chunk(BODY), b"0\r\n\r\n")
    await wire.aclose()


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


@pytest.mark.parametrize("kind", [Direct, Pooled])
async def test_tls_is_checked_unless_told_otherwise(
    kind: type[Direct] | type[Pooled], certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with served(playing(JSON), context) as server:
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
