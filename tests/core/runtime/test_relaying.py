"""Bytes that pass through: in one write what came together, pauses bridged, a broken end told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from polystack.core.canon.errors import StackError, UpstreamError
from polystack.core.contract.api import Relay
from polystack.core.runtime.relaying import LIMIT, Pipe, Relayed, begun


class Lines(Relay):
    """A protocol of lines that ends with `end`."""

    def __init__(self) -> None:
        self.held = b""

    def feed(self, chunk: bytes) -> bytes:
        if b"\0" in chunk:
            raise UpstreamError("no line can be so long")
        whole, end, self.held = (self.held + chunk).rpartition(b"\n")
        self.ended = self.ended or b"end\n" in whole + end
        return whole + end

    def rest(self) -> bytes:
        return self.held

    def ping(self) -> bytes:
        return b"ping\n"

    def failure(self, error: StackError, request_id: str) -> bytes:
        return f"failed {error.message} {request_id}\n".encode()


class Source:
    """An upstream under a test's control."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = False
        self.given = 0

    async def chunks(self) -> AsyncGenerator[bytes]:
        try:
            while (item := await self.queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                self.given += 1
                yield item
        finally:
            self.closed = True

    def say(self, *items: bytes | Exception | None) -> None:
        for item in items:
            self.queue.put_nowait(item)


def relayed(source: Source, keep_alive: float = 60.0) -> Relayed:
    return Relayed(Pipe(source.chunks()), Lines(), b"", keep_alive, "req_1")


async def everything(stream: Relayed) -> list[bytes]:
    return [chunk async for chunk in stream]


async def test_what_arrived_together_leaves_together_and_unchanged() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\n", b"two\n", b"end\n", None)
    assert b"".join(await everything(stream)) == b"one\ntwo\nend\n"
    assert source.closed


async def test_a_pause_is_bridged_even_within_an_event_since_half_of_one_is_held() -> None:
    source = Source()
    stream = relayed(source, keep_alive=0.001)
    assert await anext(stream) == b"ping\n"
    source.say(b"half an ")
    assert await anext(stream) == b"ping\n"
    source.say(b"event\n")
    while (chunk := await anext(stream)) == b"ping\n":
        pass
    assert chunk == b"half an event\n"
    await stream.aclose()


async def test_half_an_event_is_not_shown_where_the_stream_breaks_off() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\nhalf", UpstreamError("cut"))
    assert b"".join(await everything(stream)) == b"one\nfailed cut req_1\n"


async def test_what_is_left_after_the_terminal_is_passed_on() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"end\nhalf", None)
    assert b"".join(await everything(stream)) == b"end\nhalf"


async def test_what_cannot_be_an_event_breaks_the_stream_off() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\n")
    assert await anext(stream) == b"one\n"
    source.say(b"\0")
    assert await everything(stream) == [b"failed no line can be so long req_1\n"]


async def test_a_stream_that_breaks_off_ends_with_the_reason() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\n", UpstreamError("the upstream was cut"))
    chunks = await everything(stream)
    assert b"".join(chunks) == b"one\nfailed the upstream was cut req_1\n"


async def test_a_stream_that_merely_stops_is_never_a_success() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\n", None)
    *_, last = await everything(stream)
    assert last == b"failed the upstream's stream ended before its answer did req_1\n"


async def test_a_connection_that_lingers_after_the_terminal_is_let_go() -> None:
    source = Source()
    stream = relayed(source, keep_alive=0.001)
    source.say(b"end\n")
    assert await everything(stream) == [b"end\n"]
    await stream.aclose()
    assert source.closed


async def test_a_failure_after_the_terminal_says_nothing() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"end\n", UpstreamError("reset"))
    assert await everything(stream) == [b"end\n"]


async def test_a_surprise_in_the_reader_is_a_failure_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source()
    stream = relayed(source)
    source.say(RuntimeError("secret"))
    (only,) = await everything(stream)
    assert only.startswith(b"failed the upstream could not be read (RuntimeError)")
    assert b"secret" not in only


async def test_a_client_that_does_not_read_makes_the_upstream_wait() -> None:
    source = Source()
    pipe = Pipe(source.chunks())
    source.say(*[b"x" * (LIMIT // 4)] * 20, None)
    for _ in range(50):
        await asyncio.sleep(0)
    assert source.given == 4
    taken = 0
    while not pipe.ended or taken < 5 * LIMIT:
        taken += len(await pipe.take())
    assert taken == 5 * LIMIT
    await pipe.aclose()


async def test_closing_early_lets_go_of_the_upstream() -> None:
    source = Source()
    stream = relayed(source)
    source.say(b"one\n")
    await anext(stream)
    await stream.aclose()
    assert source.closed


async def test_a_stream_has_begun_with_its_first_whole_event() -> None:
    source = Source()
    pipe, lines = Pipe(source.chunks()), Lines()
    source.say(b"half an ")
    waiting = asyncio.ensure_future(begun(pipe, lines, 60.0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    source.say(b"event\nmore")
    assert await waiting == b"half an event\n"
    await pipe.aclose()


async def test_a_stream_that_has_not_begun_in_time_is_not_waited_for() -> None:
    source = Source()
    pipe = Pipe(source.chunks())
    assert await begun(pipe, Lines(), 0.001) == b""
    await pipe.aclose()


@pytest.mark.parametrize("says", [[None], [b"half an ev", None], [UpstreamError("cut")]])
async def test_a_stream_that_ends_before_its_first_event_is_an_error(
    says: list[bytes | Exception | None],
) -> None:
    source = Source()
    pipe = Pipe(source.chunks())
    source.say(*says)
    with pytest.raises(UpstreamError):
        await begun(pipe, Lines(), 60.0)
    await pipe.aclose()
