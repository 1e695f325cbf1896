"""The peer itself: a raw HTTP/1.1 server on a port of its own, in a thread of its own.

It is no framework's, since those refuse to send what a broken upstream sends.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from .answers import Answer, Drop, Hang, Piece, refused
from .received import Received, receive

Script: TypeAlias = Callable[[Received], Answer]


class Peer:
    """Plays the queued answers in their order, and asks `script` where none is queued.

    `requests` is what came; `departures` counts the clients that left before their answer ended.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.script: Script | None = None
        self._queue: deque[Answer] = deque()
        self._departures = threading.Semaphore(0)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the protocols are, with the version, as a `base_url` has it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def play(self, *answers: Answer) -> None:
        """Answer the next requests so, each by one."""
        self._queue.extend(answers)

    @property
    def last(self) -> Received:
        return self.requests[-1]

    def forget(self) -> None:
        """Begin anew; what was to be played and was not is a test's mistake."""
        left, self.script = len(self._queue), None
        self._queue.clear()
        self.requests.clear()
        assert not left, f"{left} answers were not asked for"

    @property
    def connections(self) -> int:
        """How many are open, asking or not."""
        return len(self._tasks)

    def saw_departure(self, patience: float = 5.0) -> bool:
        """Whether a client has left, or leaves soon, before its answer has ended."""
        return self._departures.acquire(timeout=patience)

    # In the thread -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while request := await receive(reader):
                self.requests.append(request)
                answer = self._answer(request)
                if not await self._played(answer, reader, writer) or answer.close:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self._departures.release()
        finally:
            writer.close()

    def _answer(self, request: Received) -> Answer:
        if self._queue:
            return self._queue.popleft()
        if self.script is not None:
            return self.script(request)
        return refused(418, f"the peer has nothing to play for {request.method} {request.path}")

    async def _played(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection can be used again."""
        for piece in answer.pieces:
            if not await self._put(piece, reader, writer):
                return False
        return True

    async def _put(
        self, piece: Piece, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        match piece:
            case bytes():
                writer.write(piece)
                await writer.drain()
                return True
            case Hang():
                return not await self._left(reader, None)
            case Drop():
                # No linger: what is sent at the close is a reset.
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
                return False
            case seconds:
                return not await self._left(reader, seconds)

    async def _left(self, reader: asyncio.StreamReader, seconds: float | None) -> bool:
        """Whether the client goes away within this time."""
        try:
            early = await asyncio.wait_for(reader.read(1), seconds)
        except TimeoutError:
            return False
        except ConnectionError:
            early = b""
        assert not early, "a client asked again before it had its answer"
        self._departures.release()
        return True
