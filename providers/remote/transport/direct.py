"""The transport for the hot path: connections of our own, kept open, read without a detour.

It speaks HTTP/1.1 straight to a server, with or without TLS. Proxies are `pooled.py`'s.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import urlsplit

from ....core.canon.errors import UpstreamError, UpstreamTimeout
from . import Answer, Timeouts, Tls, Transport, Unreachable
from .connection import Connection
from .tls import context

USER_AGENT = f"polystack/{version('polystack')}"
KEPT = 60.0  # seconds for which an idle connection is kept
MOST = 100  # idle connections to one server


class Origin(NamedTuple):
    host: str
    port: int
    secure: bool


class Direct(Transport):
    def __init__(self, tls: Tls | None = None) -> None:
        self._tls = tls or Tls()
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Connection]] = {}
        self._busy: set[Connection] = set()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        origin, host, target = _address(url)
        data = _head(method, target, host, headers, len(body)) + body
        loop = asyncio.get_running_loop()
        deadline = None if timeouts.total is None else loop.time() + timeouts.total
        connection = self._kept(origin, loop.time())
        if connection is not None:
            try:
                return await self._asked(connection, origin, data, timeouts, deadline)
            except Unreachable:
                if connection.received:
                    raise
                # The server had let go of it before the request arrived.
        connection = await self._connected(origin, timeouts.connect)
        return await self._asked(connection, origin, data, timeouts, deadline)

    async def _asked(
        self,
        connection: Connection,
        origin: Origin,
        data: bytes,
        timeouts: Timeouts,
        deadline: float | None,
    ) -> Answer:
        self._busy.add(connection)
        try:
            connection.write(data)
            await connection.head(timeouts.first_byte, deadline)
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise
        return DirectAnswer(self, origin, connection, timeouts.idle, deadline)

    def _kept(self, origin: Origin, now: float) -> Connection | None:
        """The connection that was used last, since it is the likeliest to be alive."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if not connection.closed and now - connection.idle_since < KEPT:
                connection.begin()
                return connection
            connection.abort()
        return None

    async def _connected(self, origin: Origin, seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        if origin.secure and self._context is None:
            self._context = context(self._tls)
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    origin.host,
                    origin.port,
                    ssl=self._context if origin.secure else None,
                )
        except TimeoutError:
            message = f"the upstream did not accept a connection within {seconds:g} seconds"
            raise UpstreamTimeout(message) from None
        except socket.gaierror:
            message = "the upstream's name cannot be resolved; correct base_url"
            raise Unreachable(message) from None
        except ssl.SSLError:
            message = "no trusted TLS connection to the upstream can be made"
            raise Unreachable(message) from None
        except OSError:
            raise Unreachable("the upstream refused the connection") from None
        return connection

    def release(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection for the next call, or close it where its answer was not read whole."""
        self._busy.discard(connection)
        idle = self._idle.setdefault(origin, [])
        if connection.reusable and len(idle) < MOST:
            connection.idle_since = asyncio.get_running_loop().time()
            idle.append(connection)
        else:
            connection.abort()

    async def aclose(self) -> None:
        for connection in [*self._busy, *(c for idle in self._idle.values() for c in idle)]:
            connection.abort()
        self._idle.clear()
        self._busy.clear()


class DirectAnswer(Answer):
    def __init__(
        self,
        transport: Direct,
        origin: Origin,
        connection: Connection,
        idle: float | None,
        deadline: float | None,
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection: Connection | None = connection
        self._idle = idle
        self._deadline = deadline
        self.status = connection.status
        self.headers = connection.headers

    async def chunks(self) -> AsyncGenerator[bytes]:
        while chunk := await self._take():
            yield chunk

    async def read(self, limit: int) -> bytes:
        chunks, size = [], 0
        while chunk := await self._take():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise UpstreamError(f"the upstream's answer is longer than {limit} bytes")
        return b"".join(chunks)

    async def _take(self) -> bytes:
        if self._connection is None:
            return b""
        return await self._connection.take(self._idle, self._deadline)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.release(self._origin, connection)


@lru_cache(256)
def _address(url: str) -> tuple[Origin, str, str]:
    """Where a URL's server is, its `host` header, and what is asked of it."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    name = f"[{host}]" if ":" in host else host
    shown = name if parts.port is None else f"{name}:{port}"
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Origin(host, port, secure), shown, target


def _head(method: str, target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    fields = {"host": host, "user-agent": USER_AGENT, "accept-encoding": "identity", **headers}
    if length or method not in ("GET", "HEAD"):
        fields["content-length"] = str(length)
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {fields[name]}" for name in fields]]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise UpstreamError("a header of the request to the upstream holds a line break")
    return head.encode("latin-1", "replace") + b"\r\n\r\n"
