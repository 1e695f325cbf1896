"""A transport of the SDKs' HTTP client that ends in a Stack: no socket, and true streaming.

The answer's head is given as soon as the Stack has it, and each chunk as soon as it comes. The
client's read timeout holds for the wait for the head and for every chunk, as on a connection;
connecting takes no time here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import httpx2

from ...canon.errors import StackError
from ...runtime.call import Call, Reply
from ...runtime.front import Front, body_of, heads, refusal
from .thread import LoopThread, close

T = TypeVar("T")


class Transport(httpx2.AsyncBaseTransport):
    """For clients on the loop that the Stack runs on."""

    def __init__(self, front: Front, check: Callable[[], None]) -> None:
        self._front = front
        self._check = check  # raises where the Stack could not answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._check()
        await asyncio.sleep(0)  # an answer may be there at once, and who asks again and again waits
        body = await request.aread()
        reply, call = await _answer(self._front, request, body)
        stream = reply.stream
        return _response(reply, call, None if stream is None else _Chunks(stream, request))


class BlockingTransport(httpx2.BaseTransport):
    """For clients on any other thread than the Stack's."""

    def __init__(self, front: Front, thread: LoopThread) -> None:
        self._front = front
        self._thread = thread

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        reply, call = self._thread.run(_answer(self._front, request, request.read()))
        if reply.stream is None:
            return _response(reply, call, None)
        return _response(reply, call, _BlockingChunks(_Chunks(reply.stream, request), self._thread))


async def _answer(front: Front, request: httpx2.Request, body: bytes) -> tuple[Reply, Call]:
    path = request.url.path
    headers = {name.lower(): value for name, value in request.headers.items()}
    if request.method == "GET" and (page := front.page(path)) is not None:
        return Reply(200, {}, page), Call()
    if (managed := await front.managed(request.method, path, headers)) is not None:
        return managed, Call()
    match = front.match(request.method, path, headers)
    call = Call(body, headers, match.items, request.url.query.decode("ascii"))
    try:
        operation, tenant = front.admit(match, request.method, path, headers)
    except StackError as error:
        return refusal(match.api, error, call.request_id), call
    call = replace(call, tenant=tenant)
    return await _patiently(front.answer(match.api, operation, call), request), call


def _response(
    reply: Reply, call: Call, stream: httpx2.AsyncByteStream | httpx2.SyncByteStream | None
) -> httpx2.Response:
    if stream is not None:
        return httpx2.Response(reply.status, headers=heads(reply, call.request_id), stream=stream)
    body = body_of(reply)
    headers = heads(reply, call.request_id, len(body))
    return httpx2.Response(reply.status, headers=headers, content=body)


async def _patiently(work: Awaitable[T], request: httpx2.Request) -> T:
    """Wait as long as the client's read timeout lets us; work that takes longer is cancelled."""
    seconds: float | None = request.extensions.get("timeout", {}).get("read")
    try:
        async with asyncio.timeout(seconds) as waiting:
            return await work
    except TimeoutError:
        if not waiting.expired():
            raise
        raise httpx2.ReadTimeout(f"no answer within {seconds} s", request=request) from None


class _Chunks(httpx2.AsyncByteStream):
    def __init__(self, stream: AsyncIterator[bytes], request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await _patiently(anext(self._stream, b""), self._request):
            yield chunk

    async def aclose(self) -> None:
        await close(self._stream)


class _BlockingChunks(httpx2.SyncByteStream):
    def __init__(self, chunks: _Chunks, thread: LoopThread) -> None:
        self._chunks = chunks
        self._thread = thread

    def __iter__(self) -> Iterator[bytes]:
        return self._thread.iterate(aiter(self._chunks))

    def close(self) -> None:
        self._thread.close(self._chunks)
