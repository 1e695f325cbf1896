"""A stream of bytes that passes through, with signs of life in its pauses and a proper end.

The upstream is read in a task of its own, so that a pause can be noticed; what has arrived goes
out in one write, and a client that does not read makes the upstream wait.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Self

from ..canon.errors import StackError, UpstreamError
from ..contract.api import Relay
from ..contract.provider import ByteStream

logger = logging.getLogger("polystack")

LIMIT = 1 << 18  # bytes that may wait for the client


class Pipe:
    """What an iterator of bytes has brought so far."""

    def __init__(self, source: ByteStream, limit: int = LIMIT) -> None:
        self._source = source
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read())
        self.ended = False
        self.failure: StackError | None = None

    async def take(self, patience: float | None = None) -> bytes:
        """All that has arrived and was not taken; `b""` at the end, or after `patience` seconds."""
        if not self._chunks and not self.ended:
            self._arrived.clear()
            timer = None
            if patience is not None:
                timer = asyncio.get_running_loop().call_later(patience, self._arrived.set)
            try:
                await self._arrived.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        taken, self._chunks, self._size = b"".join(self._chunks), [], 0
        self._room.set()
        return taken

    async def aclose(self) -> None:
        """Stop reading; the source has let go when this returns."""
        try:
            if not self._task.done():
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
        finally:
            await self._source.aclose()

    async def _read(self) -> None:
        try:
            async for chunk in self._source:
                self._chunks.append(chunk)
                self._size += len(chunk)
                self._arrived.set()
                while self._size >= self._limit:
                    self._room.clear()
                    await self._room.wait()
        except StackError as error:
            self.failure = error
        except Exception as error:
            logger.exception("an upstream could not be read")
            self.failure = UpstreamError(f"the upstream could not be read ({type(error).__name__})")
        finally:
            self.ended = True
            self._arrived.set()


async def begun(pipe: Pipe, relay: Relay, patience: float, resumes: bool = False) -> bytes:
    """The first whole events of a stream, or `b""` if `patience` seconds bring none.

    Raises `StackError` where the stream ends before: nothing was shown of it yet. One that
    `resumes` may have nothing left to show.
    """
    while chunk := await pipe.take(patience):
        if events := relay.feed(chunk):
            return events
    if not pipe.ended:
        return b""
    if resumes and pipe.failure is None and not relay.rest():
        relay.ended = True
    if relay.ended:
        return relay.rest()
    raise pipe.failure or UpstreamError("the upstream's stream ended before its answer began")


class Relayed:
    """The bytes of an answer as they come; where they break off, the failure in their protocol."""

    def __init__(
        self, pipe: Pipe, relay: Relay, begun: bytes, keep_alive: float, request_id: str
    ) -> None:
        self._pipe = pipe
        self._relay = relay
        self._begun = begun  # what the relay has let through already
        self._keep_alive = keep_alive
        self._request_id = request_id
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._over:
            if self._begun:
                events, self._begun = self._begun, b""
                return events
            if chunk := await self._pipe.take(self._keep_alive):
                if events := self._fed(chunk):
                    return events
            elif self._pipe.ended or self._relay.ended:
                self._over = True
                if last := self._last():
                    return last
            else:
                return self._relay.ping()
        raise StopAsyncIteration

    def _fed(self, chunk: bytes) -> bytes:
        try:
            return self._relay.feed(chunk)
        except StackError as error:
            self._over = True
            return self._broken(error)

    def _last(self) -> bytes:
        if self._relay.ended:
            return self._relay.rest()
        message = "the upstream's stream ended before its answer did"
        return self._broken(self._pipe.failure or UpstreamError(message))

    def _broken(self, error: StackError) -> bytes:
        logger.warning("%s: %s", self._request_id, error.message)
        return self._relay.failure(error, self._request_id)

    async def aclose(self) -> None:
        await self._pipe.aclose()
