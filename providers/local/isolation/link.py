"""Messages over a socket, from either end.

A message is a tuple of values. A frame is four bytes of length and all the messages that were
waiting, so whatever one turn of the loop has to say goes out in one write. Nothing here waits for
a reader: how much may be under way is what `calling` and `serving` agree on for each stream.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from . import codec

Message: TypeAlias = tuple[Any, ...]

_LENGTH = struct.Struct(">I")


class Link(asyncio.Protocol):
    """One end. `receive` gets every message in its order, and `lost` is called once at the end.

    `full` is called before a frame goes out, and may still send something with it.
    """

    def __init__(
        self,
        receive: Callable[[Message], None],
        lost: Callable[[], None],
        full: Callable[[], None] = lambda: None,
    ) -> None:
        self._receive = receive
        self._lost = lost
        self._full = full
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._waiting: list[bytes] = []
        self._later: deque[Message] = deque()
        self._writable = asyncio.Event()

    @property
    def open(self) -> bool:
        return self._transport is not None

    def send(self, *message: Any) -> None:
        """Send soon, if anybody is there; raises `TypeError` for what cannot be sent."""
        data = codec.encode(message)
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def mention(self, *message: Any) -> None:
        """Send along with the next message; any thread may, the garbage collector's too."""
        if self.open:
            self._later.append(message)

    async def writable(self) -> None:
        """Wait while the other end takes less than it is sent."""
        await self._writable.wait()

    def close(self) -> None:
        """What was sent before still goes out."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _flush(self) -> None:
        self._full()
        while self._later:
            self._waiting.append(codec.encode(self._later.popleft()))
        messages, self._waiting = self._waiting, []
        if self._transport is None or not messages:
            return
        body = b"[" + b",".join(messages) + b"]"
        self._transport.writelines([_LENGTH.pack(len(body)), body])

    # What the loop calls -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._read += data
        while len(self._read) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._read)[0]
            if len(self._read) < end:
                return
            body = self._read[_LENGTH.size : end]
            del self._read[:end]
            for message in codec.decode(body):
                self._receive(message)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._writable.set()
        self._lost()
