"""The transport on aiohttp: it goes wherever HTTP goes, proxies included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ....core.canon.errors import UpstreamError, UpstreamTimeout
from . import Answer, Timeouts, Tls, Transport, Unreachable
from .failures import HEAD, MORE, cut, late, late_connection, not_http, stopped, unreachable
from .heads import fields, refusal
from .limits import HEAD_LIMIT, KEPT, MOST_HEADERS, PIECE
from .tls import context, settled
from .unpacking import Unpacking

if TYPE_CHECKING:
    import aiohttp


class Pooled(Transport):
    """One session, and with it one pool of connections, for all calls of a provider."""

    def __init__(self, tls: Tls | None = None, proxy: str | None = None) -> None:
        self._tls = tls or Tls()
        self._context = settled(self._tls)
        self._proxy = proxy
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        going = _Going(timeouts)
        try:
            return await self._asked(going, method, url, headers, body)
        except Unreachable:
            # The server had let go of a kept connection before the request arrived.
            if not (going.reused and going.unheard):
                raise
        return await self._asked(going, method, url, headers, body, fresh=True)

    async def _asked(
        self,
        going: _Going,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        fresh: bool = False,
    ) -> Answer:
        import aiohttp

        session = self._session(fresh)
        async with going.phases(), _failing(going):
            response = await session.request(
                method,
                url,
                data=body or None,
                headers=fields(headers),
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(None, connect=going.timeouts.connect),
                trace_request_ctx=going,
            )
        answer = PooledAnswer(session, response, going.timeouts.idle, going.deadline)
        if refused := refusal(response.status, answer.named):
            await answer.aclose()
            raise UpstreamError(refused)
        return answer

    def _session(self, fresh: bool) -> aiohttp.ClientSession:
        """The session that keeps its connections, or one that takes a new one for each call."""
        if self._closed:
            raise stopped()
        if fresh not in self._sessions:
            self._sessions[fresh] = self._opened(fresh)
        return self._sessions[fresh]

    def _opened(self, fresh: bool) -> aiohttp.ClientSession:
        import aiohttp

        self._context = self._context or context(self._tls)
        kept = {"force_close": True} if fresh else {"keepalive_timeout": KEPT}
        told = aiohttp.TraceConfig()
        told.on_connection_create_end.append(_connected)
        told.on_connection_reuseconn.append(_reused)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._context, **kept),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=["accept", "content-type"],
            auto_decompress=False,
            read_bufsize=PIECE,
            max_line_size=HEAD_LIMIT,
            max_field_size=HEAD_LIMIT,
            max_headers=MOST_HEADERS,
            trace_configs=[told],
        )

    async def aclose(self) -> None:
        self._closed = True
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


class PooledAnswer(Unpacking):
    def __init__(
        self,
        session: aiohttp.ClientSession,
        response: aiohttp.ClientResponse,
        idle: float | None,
        deadline: float | None,
    ) -> None:
        self._session = session
        self._response = response
        self._idle = idle
        self._deadline = deadline
        self.named = _headers(response)  # before the compression is taken off
        super().__init__(response.status, dict(self.named))

    async def take(self) -> bytes:
        content = self._response.content
        while True:
            with _cut():
                async with _within(self._idle, self._deadline, MORE):
                    taken = await content.readany()
            if taken:
                return taken
            if content.at_eof():
                # Our own closing looks like the server's where that is what ends a body.
                if self._session.closed:
                    raise cut()
                return b""

    async def aclose(self) -> None:
        # A connection with an unread rest is closed; one that was read to its end is kept.
        if not self._response.content.at_eof():
            self._response.close()
        self._response.release()


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in response.raw_headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


# On the way to the head of an answer -------------------------------------------------------------


class _Going:
    """A request on its way, its phases, and what aiohttp tells of it."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        total = timeouts.total
        self.deadline = None if total is None else self._loop.time() + total
        self.reused = False  # on a connection that an earlier call has used
        self.unheard = True  # and not a byte has come
        self._standing = False
        self._phase: float | None = None
        self._timer = asyncio.timeout(None)

    @asynccontextmanager
    async def phases(self) -> AsyncIterator[None]:
        self._standing, self._phase = False, None
        self._timer = asyncio.timeout_at(self.deadline)
        try:
            async with self._timer:
                yield
        except TimeoutError:
            raise self._late() from None

    def connected(self, reused: bool) -> None:
        """Not before now does the wait for the answer begin."""
        self.reused, self._standing = reused, True
        if self.timeouts.first_byte is not None:
            self._phase = self._loop.time() + self.timeouts.first_byte
            self._timer.reschedule(_nearer(self._phase, self.deadline))

    def _late(self) -> UpstreamTimeout:
        if not self._standing:
            return late_connection(None)
        return _late(HEAD, self.timeouts.first_byte, self._phase, self.deadline)


async def _connected(session: object, given: SimpleNamespace, params: object) -> None:
    given.trace_request_ctx.connected(reused=False)


async def _reused(session: object, given: SimpleNamespace, params: object) -> None:
    given.trace_request_ctx.connected(reused=True)


@asynccontextmanager
async def _failing(going: _Going) -> AsyncIterator[None]:
    """What goes wrong before the head of an answer, without addresses."""
    import aiohttp

    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise late_connection(going.timeouts.connect) from None
    except aiohttp.ClientProxyConnectionError:
        raise Unreachable("the proxy cannot be reached") from None
    except aiohttp.ClientHttpProxyError as error:
        message = f"the proxy answered {error.status} instead of connecting to the upstream"
        raise Unreachable(message) from None
    except aiohttp.ClientConnectorError as error:
        cause = error if isinstance(error, aiohttp.ClientSSLError) else error.os_error
        raise unreachable(cause) from None
    except aiohttp.ServerDisconnectedError as error:
        going.unheard = isinstance(error.message, str)  # else it is the part that came
        raise unreachable(ConnectionResetError()) from None
    except aiohttp.ClientConnectionError:
        raise unreachable(ConnectionResetError()) from None
    except UnicodeError as error:
        raise unreachable(error) from None
    except (aiohttp.ClientError, ValueError):
        raise not_http() from None


# Limits ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _within(seconds: float | None, deadline: float | None, what: str) -> AsyncIterator[None]:
    """A phase and the whole call, each with its own limit, whichever is nearer."""
    phase = None if seconds is None else asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(_nearer(phase, deadline)):
            yield
    except TimeoutError:
        raise _late(what, seconds, phase, deadline) from None


def _nearer(phase: float | None, deadline: float | None) -> float | None:
    return min((when for when in (phase, deadline) if when is not None), default=None)


def _late(
    what: str, seconds: float | None, phase: float | None, deadline: float | None
) -> UpstreamTimeout:
    in_phase = seconds is not None and phase == _nearer(phase, deadline)
    return late(what, seconds if in_phase else None)


@contextmanager
def _cut() -> Iterator[None]:
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, ConnectionError):
        raise cut() from None
