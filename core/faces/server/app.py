"""The ASGI application.

The operations of the APIs are served by a bare ASGI callable, since a framework's request and
response objects cost more than the work itself; Starlette has the rest of the paths.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...canon.errors import InvalidRequest, StackError, TooLarge
from ...runtime.call import Call, Reply
from ...runtime.front import Front, body_of, failed, heads, refusal
from ...runtime.managing import PREFIX
from ...runtime.routes import Match
from ...runtime.stack import Stack
from .asgi import WRITE_TIMEOUT, Receive, Scope, Send, close, headers_of
from .sockets import Socket, not_upgraded

logger = logging.getLogger("polystack")

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]  # those not served are refused in words
PROMPT = 0.02  # seconds; a quicker answer is there before its client can be missed


class App:
    """Serves a running Stack; `stack` starts and stops with the server's lifespan."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._settings = stack.distribution.server
        self._shell = Starlette(
            routes=[
                Route("/", self._root, methods=["GET"]),
                Route("/health", self._health, methods=["GET"]),
                Route(f"{PREFIX}{{rest:path}}", self._manage, methods=METHODS),
            ],
            lifespan=self._lifespan,
        )
        self._front: Front | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "websocket":
            assert self._front is not None, "requests come after the lifespan has begun"
            await Socket(self._front, self._settings, scope, receive, send).serve()
        elif scope["type"] != "http" or path in ("/", "/health") or path.startswith(PREFIX):
            await self._shell(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._front = Front(self._stack)
        yield

    async def _root(self, request: Request) -> Response:
        return JSONResponse(self._stack.index())

    async def _health(self, request: Request) -> Response:
        return JSONResponse(self._stack.health())

    async def _manage(self, request: Request) -> Response:
        assert self._front is not None, "requests come after the lifespan has begun"
        path = request.scope["path"]
        reply = await self._front.managed(request.method, path, request.headers)
        assert reply is not None, "the route is that of these paths"
        return JSONResponse(reply.document, reply.status, dict(reply.headers))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        front = self._front
        assert front is not None, "requests come after the lifespan has begun"
        method, path = scope["method"], scope["path"]
        headers = headers_of(scope)
        match = front.match(method, path, headers)
        token = os.urandom(16).hex()
        work = asyncio.current_task()
        assert work is not None
        departure: _Departure | None = None
        sender = _Sender(send, f"req_{token}")
        try:
            _refuse_upgrades(path, headers)
            operation, tenant = front.admit(match, method, path, headers)
            body = await self._body(headers, receive)
            query = scope["query_string"].decode("latin-1")
            call = Call(body, headers, match.items, query, tenant, token)
            departure = _Departure(receive, work)
            await sender.reply(await front.answer(match.api, operation, call))
        except StackError as error:
            await sender.refuse(match, error)
        except asyncio.CancelledError:
            if departure is None or not departure.seen:
                raise
            # The client has gone, and there is nobody to answer.
            work.uncancel()
        except Exception:  # whatever it is, the client gets an answer in its protocol
            logger.exception("a request failed")
            await sender.refuse(match, failed())
        finally:
            if departure is not None:
                departure.unwatch()

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        limit = self._settings.max_body
        if headers.get("content-encoding", "identity") != "identity":
            raise InvalidRequest(
                f"content-encoding {headers['content-encoding']!r} is not taken; "
                "send the body uncompressed"
            )
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("the client left before its request was whole")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)


def _refuse_upgrades(path: str, headers: Mapping[str, str]) -> None:
    # A proxy may take away the words that ask for an upgrade, and leave the key.
    if headers.get("upgrade", "").lower() == "websocket" or "sec-websocket-key" in headers:
        raise not_upgraded(path)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request body is larger than {limit} bytes, this stack's limit")


class _Departure:
    """Cancels the work of a client that has gone; no server does that by itself."""

    def __init__(self, receive: Receive, work: asyncio.Task[Any]) -> None:
        self.seen = False
        self._receive = receive
        self._work = work
        self._task: asyncio.Task[None] | None = None
        # Listening takes a task, which costs more than the rest of a quick answer's way out.
        self._timer = asyncio.get_running_loop().call_later(PROMPT, self._watch)

    def unwatch(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _watch(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.seen = True
        self._work.cancel()


class _Sender:
    """Writes one answer, and an error only as long as no answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._begun = False

    async def reply(self, reply: Reply) -> None:
        if reply.stream is None:
            body = body_of(reply)
            await self._head(reply.status, heads(reply, self._request_id, len(body)))
            await self._body(body)
            return
        try:
            await self._head(reply.status, heads(reply, self._request_id))
            await self._stream(reply.stream)
        finally:
            await close(reply.stream)

    async def _stream(self, stream: AsyncIterator[bytes]) -> None:
        now = asyncio.get_running_loop().time
        # One timer for the whole stream, set only while a write waits: one for each costs more.
        async with asyncio.timeout(None) as stalled:
            async for chunk in stream:
                stalled.reschedule(now() + WRITE_TIMEOUT)
                await self._body(chunk, more=True)
                stalled.reschedule(None)
        await self._body(b"")

    async def refuse(self, match: Match, error: StackError) -> None:
        if self._begun:
            # Too late for a status; leaving the body unfinished is what a client notices.
            logger.warning("an answer was cut off: %s", error.message)
            return
        await self.reply(refusal(match.api, error, self._request_id))

    async def _head(self, status: int, headers: dict[str, str]) -> None:
        self._begun = True
        raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, body: bytes, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
