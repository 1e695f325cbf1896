"""The transport on aiohttp: it goes wherever HTTP goes, proxies included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from ....core.canon.errors import StackError, UpstreamError, UpstreamTimeout
from . import Answer, Timeouts, Tls, Transport, Unreachable
from .tls import context

if TYPE_CHECKING:
    import aiohttp

USER_AGENT = f"polystack/{version('polystack')}"
PIECE = 1 << 18  # bytes that one read may bring
KEPT = 60.0  # seconds for which an idle connection is kept


class Pooled(Transport):
    """One session, and with it one pool of connections, for all calls of a provider."""

    def __init__(self, tls: Tls | None = None, proxy: str | None = None) -> None:
        self._tls = tls or Tls()
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        import aiohttp

        session = self._session or self._open()
        deadline = _deadline(timeouts.total)
        sent = {"user-agent": USER_AGENT, **headers}
        async with _failing(), _within(timeouts.first_byte, deadline, "the head of its answer"):
            response = await session.request(
                method,
                url,
                data=body or None,
                headers={"accept-encoding": "identity", **sent},
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(None, sock_connect=timeouts.connect),
            )
        return PooledAnswer(response, timeouts.idle, deadline)

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0, ssl=context(self._tls), keepalive_timeout=KEPT)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=PIECE,
        )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class PooledAnswer(Answer):
    def __init__(
        self, response: aiohttp.ClientResponse, idle: float | None, deadline: float | None
    ) -> None:
        self._response = response
        self._idle = idle
        self._deadline = deadline
        self.status = response.status
        self.headers = _headers(response)

    async def chunks(self) -> AsyncGenerator[bytes]:
        content = self._response.content
        while True:
            async with _cut(), _within(self._idle, self._deadline, "more of its answer"):
                chunk = await content.readany()
            if chunk:
                yield chunk
            elif content.at_eof():
                return

    async def read(self, limit: int) -> bytes:
        chunks, size = [], 0
        async for chunk in self.chunks():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise UpstreamError(f"the upstream's answer is longer than {limit} bytes")
        return b"".join(chunks)

    async def aclose(self) -> None:
        # A connection with an unread rest is closed; one that was read to its end is kept.
        if not self._response.content.at_eof():
            self._response.close()
        self._response.release()


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    headers.pop("content-encoding", None)  # what arrives here is decompressed
    return headers


def _deadline(total: float | None) -> float | None:
    return None if total is None else asyncio.get_running_loop().time() + total


@asynccontextmanager
async def _within(seconds: float | None, deadline: float | None, what: str) -> AsyncIterator[None]:
    """A phase and the whole call, each with its own limit, whichever is nearer."""
    now = asyncio.get_running_loop().time()
    phase = None if seconds is None else now + seconds
    nearer = min((when for when in (phase, deadline) if when is not None), default=None)
    try:
        async with asyncio.timeout_at(nearer):
            yield
    except TimeoutError:
        limit = f"{seconds:g} seconds" if nearer == phase else "the time set for a call"
        raise UpstreamTimeout(f"the upstream did not send {what} within {limit}") from None


@asynccontextmanager
async def _failing() -> AsyncIterator[None]:
    """What goes wrong before the head of an answer, without addresses."""
    import aiohttp

    try:
        yield
    except StackError:
        raise
    except aiohttp.ConnectionTimeoutError:
        raise UpstreamTimeout("the upstream did not accept a connection in time") from None
    except aiohttp.ClientConnectorDNSError:
        raise Unreachable("the upstream's name cannot be resolved; correct base_url") from None
    except aiohttp.ClientSSLError:
        raise Unreachable("no trusted TLS connection to the upstream can be made") from None
    except aiohttp.ClientConnectionError as error:
        refused = isinstance(error, aiohttp.ClientConnectorError)
        what = "refused the connection" if refused else "closed the connection without an answer"
        raise Unreachable(f"the upstream {what}") from None
    except (aiohttp.ClientError, ValueError):
        raise UpstreamError("the upstream's answer is not HTTP") from None


@asynccontextmanager
async def _cut() -> AsyncIterator[None]:
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, ConnectionError):
        raise UpstreamError(
            "the upstream closed the connection in the middle of its answer"
        ) from None
