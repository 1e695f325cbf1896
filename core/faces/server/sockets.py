"""A WebSocket: each of its messages may ask for a call, to the same Stack as over HTTP.

One connection makes many calls, and the Api that serves it says what its messages mean. When the
client goes, or does not read, what it has asked for is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from urllib.parse import urlsplit

import orjson

from ...canon.errors import Conflict, MethodNotAllowed, PermissionDenied, RateLimited, StackError
from ...contract.connection import Connection, Wanted, Writing
from ...runtime.body import parse
from ...runtime.call import Call, Reply
from ...runtime.distribution import ServerConfig
from ...runtime.front import Front, body_of, failed, heads, refusal
from ...runtime.memory import Memory
from ...runtime.routes import Match
from .asgi import WRITE_TIMEOUT, Message, Receive, Scope, Send, close, headers_of

logger = logging.getLogger("polystack")

SEND = "stack.send"  # to our own protocol: many messages in one write
ABORT = "stack.abort"  # to our own protocol: let go of a client that does not read
LEAVE = "stack.leave"  # from it: the server ends
UNSUPPORTED, RESTART = 1003, 1012  # why a connection is closed
LEAVING = "the server ends; connect again"
PENDING = 16  # calls that a connection may have at a time, in all lanes
MEMORY = 32 << 20  # bytes of answers that a connection remembers
OFF_LOOP = 1 << 20  # bytes of a message whose parsing would make everybody else wait


class Socket:
    def __init__(
        self, front: Front, settings: ServerConfig, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._front = front
        self._settings = settings
        self._scope = scope
        self._receive = receive
        self._send = send

    async def serve(self) -> None:
        path, headers = self._scope["path"], headers_of(self._scope)
        request_id = f"req_{os.urandom(16).hex()}"
        match = self._front.match_connection(path, headers)
        await self._receive()  # that somebody connects
        try:
            if match.operation is None:
                raise not_upgraded(path)
            _refuse_foreign(headers)
            _, tenant = self._front.admit(match, "GET", path, headers)
        except StackError as error:
            await self._deny(refusal(match.api, error, request_id), request_id)
            return
        accepted = [(b"x-request-id", request_id.encode())]
        await self._send({"type": "websocket.accept", "headers": accepted})
        calls = Calls(self._front, match, match.api.connection(headers), tenant, self._send)
        try:
            await self._listen(calls)
        except OSError:  # the client has gone while something was said to it
            pass
        except asyncio.CancelledError:  # the server waits no longer
            await calls.close(RESTART, LEAVING)
        finally:
            await calls.cancel()

    async def _listen(self, calls: Calls) -> None:
        while True:
            message = await self._receive()
            match message["type"]:
                case "websocket.receive" if message.get("text") is None:
                    await calls.close(UNSUPPORTED, "send JSON as text, not binary messages")
                case "websocket.receive":
                    await calls.take(message["text"], self._settings.max_depth)
                case "websocket.disconnect":
                    return
                case _:
                    await calls.leave()

    async def _deny(self, reply: Reply, request_id: str) -> None:
        body = body_of(reply)
        raw = [
            (name.encode(), value.encode("latin-1"))
            for name, value in heads(reply, request_id, len(body)).items()
        ]
        kind = "websocket.http.response"
        await self._send({"type": f"{kind}.start", "status": reply.status, "headers": raw})
        await self._send({"type": f"{kind}.body", "body": body})


class Calls:
    """The calls of one connection: by lanes, one after another in each."""

    def __init__(
        self, front: Front, match: Match, connection: Connection, tenant: str, send: Send
    ) -> None:
        self._front = front
        self._api = match.api
        self._connection = connection
        self._tenant = tenant
        self._send = send
        self._memory = Memory(MEMORY)
        self._lanes: dict[str, deque[Wanted]] = {}
        self._writing: Writing | None = None  # of the lane without a name
        self._running: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def take(self, text: str, max_depth: int) -> None:
        """Do what a message asks for; what is wrong with it is answered."""
        document: object = None
        try:
            raw = text.encode()
            if len(raw) > OFF_LOOP:
                document = await asyncio.to_thread(parse, raw, max_depth)
            else:
                document = parse(raw, max_depth)
            wanted = self._connection.receive(document)
            if isinstance(wanted, bytes):
                await self._write(wanted)
            elif not self._leaving:
                self._enter(wanted)
        except StackError as error:
            await self._refuse(error, document)
        except OSError:
            raise
        except Exception:  # whatever it is, the connection and its other calls go on
            logger.exception("a message failed")
            await self._refuse(failed(), document)

    def _enter(self, wanted: Wanted) -> None:
        lane = self._lanes.get(wanted.lane)
        if lane is not None and not wanted.lane and not self._is_over(lane):
            raise Conflict(
                "a response is being made on this connection; wait for its end, or open another "
                "connection",
                code="response_in_progress",
            )
        if sum(map(len, self._lanes.values())) >= PENDING:
            raise RateLimited(f"a connection may have {PENDING} calls at a time; wait for an end")
        if lane is not None:
            lane.append(wanted)
            return
        self._lanes[wanted.lane] = deque([wanted])
        task = asyncio.create_task(self._work(wanted.lane))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _is_over(self, lane: deque[Wanted]) -> bool:
        """Whether the only call in it has its answer, and just lets go of what it held."""
        return len(lane) == 1 and self._writing is not None and self._writing.ended

    async def _work(self, name: str) -> None:
        lane = self._lanes[name]
        try:
            while lane:
                await self._safely(lane[0])
                lane.popleft()
            del self._lanes[name]
            await self._left()
        except OSError:
            pass  # the client has gone, which whoever listens to it sees, too

    async def _safely(self, wanted: Wanted) -> None:
        try:
            await self._answer(wanted)
        except OSError:
            raise
        except Exception:
            logger.exception("an answer over a WebSocket failed")
            await self._refuse(failed(), wanted.document)

    async def _answer(self, wanted: Wanted) -> None:
        call = Call(
            wanted.document,
            self._connection.headers,
            tenant=self._tenant,
            memory=self._memory,
            generate=wanted.generate,
        )
        operation = next(o for o in self._api.operations if o.name == wanted.operation)
        writing = self._connection.write(wanted)
        if not wanted.lane:
            self._writing = writing
        reply = await self._front.answer(self._api, operation, call)
        if reply.stream is None:
            document = orjson.loads(body_of(reply))
            headers = heads(reply, call.request_id)
            await self._write(writing.whole(reply.status, headers, document))
            return
        writing.head(reply.headers)
        try:
            async for chunk in reply.stream:
                await self._write(*writing.feed(chunk))
        finally:
            await close(reply.stream)

    async def _refuse(self, error: StackError, message: object) -> None:
        request_id = f"req_{os.urandom(16).hex()}"
        await self._write(self._connection.refuse(error, request_id, message))

    async def _write(self, *messages: bytes) -> None:
        if messages:
            await self._tell({"type": SEND, "texts": messages})

    async def _tell(self, message: Message) -> None:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._send(message)
        except TimeoutError:
            logger.warning("a client that does not read its WebSocket was cut off")
            await self._send({"type": ABORT})
            raise

    async def close(self, code: int, reason: str) -> None:
        await self._tell({"type": "websocket.close", "code": code, "reason": reason})

    async def leave(self) -> None:
        """Close when what runs has ended, and take nothing more."""
        self._leaving = True
        await self._left()

    async def _left(self) -> None:
        if self._leaving and not self._lanes:
            await self.close(RESTART, LEAVING)

    async def cancel(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class _UpgradeRequired(MethodNotAllowed):
    # 426 makes clients that try a WebSocket first fall back to HTTP at once.
    status = 426


def not_upgraded(path: str) -> StackError:
    return _UpgradeRequired(f"{path} is not served over WebSocket; use HTTP")


def _refuse_foreign(headers: dict[str, str]) -> None:
    """Browsers let any page open a WebSocket to anywhere, and say only where the page is from."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise PermissionDenied(f"a page from {origin!r} may not open a WebSocket to this server")
