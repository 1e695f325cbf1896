"""The transport for the hot path: connections of our own, kept open, read without a detour.

It speaks HTTP/1.1 straight to a server, with or without TLS. Proxies are `pooled.py`'s.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

from ....core.canon.errors import UpstreamError
from . import Answer, Timeouts, Tls, Transport, Unreachable
from .connection import Connection
from .failures import stopped
from .heads import Origin, address, request_head
from .opening import connection_to
from .pool import Pool
from .tls import context, settled
from .unpacking import Unpacking


class Direct(Transport):
    def __init__(self, tls: Tls | None = None) -> None:
        self._tls = tls or Tls()
        self._context = settled(self._tls)
        self._pool = Pool()
        self._busy: set[Connection] = set()
        self._closed = False

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        origin, host, target = address(url)
        data = request_head(method, target, host, headers, len(body)) + body
        loop = asyncio.get_running_loop()
        deadline = None if timeouts.total is None else loop.time() + timeouts.total
        bodiless = method == "HEAD"
        connection = self._pool.take(origin)
        if connection is not None:
            connection.begin()
            try:
                return await self._asked(connection, origin, data, bodiless, timeouts, deadline)
            except Unreachable:
                if connection.heard:
                    raise
                # The server had let go of it before the request arrived.
        connection = await self._connected(origin, timeouts.connect, deadline)
        return await self._asked(connection, origin, data, bodiless, timeouts, deadline)

    async def _connected(
        self, origin: Origin, seconds: float, deadline: float | None
    ) -> Connection:
        self._refuse_closed()
        connection = await connection_to(origin, self._secured(origin), seconds, deadline)
        if self._closed:
            connection.abort()
        self._refuse_closed()
        return connection

    def _refuse_closed(self) -> None:
        if self._closed:
            raise stopped()

    def _secured(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.secure:
            return None
        self._context = self._context or context(self._tls)
        return self._context

    async def _asked(
        self,
        connection: Connection,
        origin: Origin,
        data: bytes,
        bodiless: bool,
        timeouts: Timeouts,
        deadline: float | None,
    ) -> Answer:
        self._busy.add(connection)
        try:
            connection.write(data, bodiless)
            await connection.head(timeouts.first_byte, deadline)
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise
        return DirectAnswer(self, origin, connection, timeouts.idle, deadline)

    def release(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection for the next call, or close it where its answer was not read whole."""
        self._busy.discard(connection)
        if connection.reusable and not self._closed:
            self._pool.keep(origin, connection)
        else:
            connection.abort()

    async def aclose(self) -> None:
        self._closed = True
        self._pool.close()
        for connection in list(self._busy):
            connection.abort()
        self._busy.clear()


class DirectAnswer(Unpacking):
    def __init__(
        self,
        transport: Direct,
        origin: Origin,
        connection: Connection,
        idle: float | None,
        deadline: float | None,
    ) -> None:
        super().__init__(connection.status, connection.headers)
        self._transport = transport
        self._origin = origin
        self._connection: Connection | None = connection
        self._idle = idle
        self._deadline = deadline

    async def take(self) -> bytes:
        if self._connection is None:
            raise UpstreamError("the upstream's answer was closed before its end")
        return await self._connection.take(self._idle, self._deadline)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.release(self._origin, connection)
