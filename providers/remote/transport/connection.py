"""One HTTP/1.1 connection, with one answer at a time on it.

What a read brings is parsed at once and waits here until it is taken; whoever waits is woken once
for each read. A connection that has done anything but answer one request to its end is not used
for another.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from ....core.canon.errors import StackError, UpstreamError, UpstreamTimeout
from . import Unreachable

HEAD_LIMIT = 64 << 10  # bytes
UNREAD_LIMIT = 1 << 18  # bytes of a body that may wait before the upstream has to

_CUT = "the upstream closed the connection in the middle of its answer"
_COMPRESSED = {"gzip", "x-gzip", "deflate"}


class _Inflater(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...


class Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._socket: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.closed = False
        self.idle_since = 0.0
        self.begin()

    def begin(self) -> None:
        """Make ready for an answer."""
        self._parser = HttpResponseParser(self)
        self._failure: StackError | None = None
        self._chunks: list[bytes] = []
        self._unread = 0
        self._inflater: _Inflater | None = None
        self._interim = False
        self._reusable = False
        self._beyond = False  # another answer has begun, which nobody asked for
        self.received = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.headed = False  # the head of the answer is here
        self.complete = False  # and so is all of its body

    # What the user of the connection does

    def write(self, data: bytes) -> None:
        if self._socket is not None and not self.closed:
            self._socket.write(data)

    async def head(self, seconds: float | None, deadline: float | None) -> None:
        """Wait for the head of the answer, however many pieces it comes in."""
        until = None if seconds is None else self._loop.time() + seconds
        while not self.headed:
            self._raise()
            left = None if until is None else max(0.0, until - self._loop.time())
            await self._wait(left, deadline, "the head of its answer", seconds)
        self._raise()

    async def take(self, seconds: float | None, deadline: float | None) -> bytes:
        """What has arrived of the body; `b""` at its end."""
        while not self._chunks:
            self._raise()
            if self.complete:
                return b""
            await self._wait(seconds, deadline, "more of its answer", seconds)
        taken = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        if self._unread > UNREAD_LIMIT and self._socket is not None and not self.closed:
            self._socket.resume_reading()
        self._unread = 0
        return taken

    @property
    def reusable(self) -> bool:
        usable = self.complete and self._reusable and not (self.closed or self._failure)
        # Of a body that was not taken so much may be left that reading is paused.
        return usable and not self._beyond and self._unread <= UNREAD_LIMIT

    def abort(self) -> None:
        self.closed = True
        if self._socket is not None:
            self._socket.abort()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _wait(
        self, seconds: float | None, deadline: float | None, what: str, told: float | None
    ) -> None:
        """Until something has arrived; `told` is the limit as the configuration has it."""
        now = self._loop.time()
        phase = None if seconds is None else now + seconds
        nearer = min((when for when in (phase, deadline) if when is not None), default=None)
        self._waiter = self._loop.create_future()
        timer = None
        if nearer is not None:
            limit = f"{told:g} seconds" if nearer == phase else "the time set for a call"
            late = UpstreamTimeout(f"the upstream did not send {what} within {limit}")
            timer = self._loop.call_at(nearer, self._fail, late)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: StackError) -> None:
        if self._failure is None:
            self._failure = error
        self.abort()
        self._wake()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are none by class.
        self._socket = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.complete:
            self.abort()  # more than was asked for: nothing on this connection can be trusted
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(UpstreamError("the upstream's answer is not HTTP"))
        except zlib.error:
            self._fail(UpstreamError("the upstream's answer is not compressed as it says"))
        if not self.headed and self.received > HEAD_LIMIT:
            self._fail(UpstreamError(f"the head of the answer is over {HEAD_LIMIT >> 10} KiB"))
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.headed:
            message = "the upstream closed the connection without an answer"
            self._failure = self._failure or Unreachable(message)
        elif not self.complete and self._until_close and error is None:
            self.complete = True
        elif not self.complete:
            self._failure = self._failure or UpstreamError(_CUT)
        self._wake()

    @property
    def _until_close(self) -> bool:
        return not {"content-length", "transfer-encoding"} & self.headers.keys()

    # What the parser tells

    def on_message_begin(self) -> None:
        self._beyond = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._beyond:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self._beyond:
            return
        self.status = self._parser.get_status_code()
        self._interim = 100 <= self.status < 200
        if self._interim:
            self.headers = {}
            return
        if {"content-length", "transfer-encoding"} <= self.headers.keys():
            self._fail(UpstreamError("the upstream gave its answer two lengths"))
        self._inflate(self.headers.pop("content-encoding", "identity").strip().lower())
        self.headed = True

    def _inflate(self, encoding: str) -> None:
        if encoding in _COMPRESSED:
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("identity", ""):
            self._fail(UpstreamError("the upstream compressed its answer, though asked not to"))

    def on_body(self, body: bytes) -> None:
        if self._beyond:
            return
        if self._inflater is not None:
            body = self._inflater.decompress(body)
        self._chunks.append(body)
        before = self._unread
        self._unread += len(body)
        if before <= UNREAD_LIMIT < self._unread and self._socket is not None:
            self._socket.pause_reading()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        self._reusable = not self._beyond and self._parser.should_keep_alive()
        self.complete = True
