"""One HTTP/1.1 connection, with one answer at a time on it.

What a read brings is parsed at once and waits here until it is taken; whoever waits is woken once
for each read. A connection that has done anything but answer one request to its end is not used
for another.
"""

from __future__ import annotations

import asyncio
import select
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from ....core.canon.errors import StackError, UpstreamError
from .alarm import Alarm
from .failures import HEAD, MORE, cut, late, not_http, unreachable
from .heads import refusal
from .limits import HEAD_LIMIT, MOST_HEADERS, PIECE


class Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._socket: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._alarm = Alarm(loop, self._late)
        self._awaited: tuple[str, float | None] = HEAD, None  # and for how long
        self.closed = False
        self.idle_since = 0.0
        self.begin()

    def begin(self) -> None:
        """Make ready for an answer."""
        self._parser = HttpResponseParser(self)
        self._failure: StackError | None = None
        self._chunks: list[bytes] = []
        self._unread = 0  # bytes in the chunks
        self._bare = 0  # bytes that came since the last that belong to a body
        self._count = 0  # headers
        self._paused = False
        self._bodiless = False
        self._interim = False
        self._until_close = False  # only the end of the connection ends the body
        self._reusable = False
        self.heard = False  # a byte has come
        self.status = 0
        self.headers: dict[str, str] = {}
        self.headed = False  # the head of the answer is here
        self.complete = False  # and so is all of its body

    # What the user of the connection does

    def write(self, data: bytes, bodiless: bool) -> None:
        """Send a request; the answer to some has no body, whatever its head says."""
        self._bodiless = bodiless
        if self._socket is not None and not self.closed:
            self._socket.write(data)

    async def head(self, seconds: float | None, deadline: float | None) -> None:
        """Wait for the head of the answer, however many pieces it comes in."""
        phase = None if seconds is None else self._loop.time() + seconds
        while not self.headed:
            await self._wait(phase, seconds, deadline, HEAD)

    async def take(self, seconds: float | None, deadline: float | None) -> bytes:
        """What has arrived of the body; `b""` at its end."""
        while not self._chunks:
            if self.complete:
                return b""
            phase = None if seconds is None else self._loop.time() + seconds
            await self._wait(phase, seconds, deadline, MORE)
        if deadline is not None and self._loop.time() > deadline:
            self._fail(late(MORE, None))
            self._raise()
        taken = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._unread = 0
        if self._paused and self._socket is not None and not self.closed:
            self._paused = False
            self._socket.resume_reading()
        return taken

    @property
    def reusable(self) -> bool:
        """Whether all of the request went out, all of its answer came in, and nothing more."""
        return (
            self.complete
            and self._reusable
            and not (self.closed or self._paused or self._socket is None)
            and not self._socket.get_write_buffer_size()
        )

    @property
    def silent(self) -> bool:
        """Whether nothing has come since that nobody asked for, seen by the loop or not.

        What a server sends behind an answer would be taken for the answer to the next request.
        """
        if self.closed or self._socket is None:
            return False
        look = select.poll()
        look.register(self._socket.get_extra_info("socket").fileno(), select.POLLIN)
        return not look.poll(0)

    def abort(self) -> None:
        self.closed = True
        self._alarm.stop()
        if self._socket is not None:
            self._socket.abort()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _wait(
        self, phase: float | None, seconds: float | None, deadline: float | None, what: str
    ) -> None:
        """Until something has arrived, or the nearer of two times; None is never."""
        self._raise()
        if phase is not None and (deadline is None or phase <= deadline):
            self._awaited = what, seconds
            self._alarm.set(phase)
        elif deadline is not None:
            self._awaited = what, None
            self._alarm.set(deadline)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._alarm.clear()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _late(self) -> None:
        self._fail(late(*self._awaited))

    def _fail(self, error: StackError) -> None:
        # An answer that is complete stays one, whatever comes after it.
        if self._failure is None and not self.complete:
            self._failure = error
        self.abort()
        self._wake()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are none by class.
        self._socket = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self.complete:
            self.abort()  # more than was asked for: nothing on this connection can be trusted
            return
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(not_http())
        if self._bare > HEAD_LIMIT:
            self._fail(UpstreamError(f"the upstream sent {HEAD_LIMIT >> 10} KiB without a body"))
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        ours, self.closed = self.closed, True
        self._alarm.stop()
        if not self.headed:
            self._failure = self._failure or unreachable(ConnectionResetError())
        elif self._until_close and error is None and not (ours or self._failure):
            self.complete = True
        elif not self.complete:
            self._failure = self._failure or cut()
        self._wake()

    # What the parser tells

    def on_message_begin(self) -> None:
        if self.complete:
            self._reusable = False  # another answer begins, which nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headed or self._failure is not None:
            return  # a trailer, or another answer's
        self._count += 1
        if self._count > MOST_HEADERS:
            self._fail(UpstreamError(f"the upstream's answer has over {MOST_HEADERS} headers"))
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.headed or self._failure is not None:
            return
        self.status = self._parser.get_status_code()
        self._interim = 100 <= self.status < 200 and self.status != 101
        if self._interim:
            self.headers = {}
        elif refused := refusal(self.status, self.headers):
            self._fail(UpstreamError(refused))
        else:
            lengths = {"content-length", "transfer-encoding"} & self.headers.keys()
            self._until_close = not lengths
            self.headed = True
            self.complete = self._bodiless

    def on_body(self, body: bytes) -> None:
        if self.complete or self._failure is not None:
            return
        self._bare = 0
        self._chunks.append(body)
        self._unread += len(body)
        if self._unread > PIECE and not self._paused and self._socket is not None:
            self._paused = True
            self._socket.pause_reading()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self.headed and not self.complete and self._failure is None:
            self._reusable = self._parser.should_keep_alive()
            self.complete = True
