"""A stack in library mode behind a URL, so that what is written for a server runs on it unchanged.

While one is embedded, httpx2's own transports hand requests for its URL to the transports that the
library face gives out. No socket is opened. A synchronous client gets the stack on a thread; each
asynchronous one gets a stack on its own loop, from its first request until it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from polystack.core import Stack

_NUMBERS = count(1)


class Embedded:
    """One distribution, and all the stacks that run it now."""

    def __init__(self, source: str | Path) -> None:
        self._source = source
        self._async: dict[httpx2.AsyncHTTPTransport, asyncio.Task[Stack]] = {}
        self._blocking = Stack.load(source)
        self._stack = self._blocking.__enter__()
        self._transport = self._stack.transport()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/health":
            return httpx2.Response(200, json=self._health())
        return self._transport.handle_request(request)

    async def async_answer(
        self, transport: httpx2.AsyncHTTPTransport, request: httpx2.Request
    ) -> httpx2.Response:
        if transport not in self._async:
            self._async[transport] = asyncio.create_task(self._started())
        stack = await asyncio.shield(self._async[transport])
        return await stack.transport().handle_async_request(request)

    async def _started(self) -> Stack:
        stack = Stack.load(self._source)
        await stack.start()
        return stack

    async def release(self, transport: httpx2.AsyncHTTPTransport) -> None:
        if (starting := self._async.pop(transport, None)) is not None:
            await (await starting).stop()

    def close(self) -> None:
        self._blocking.__exit__(None, None, None)
        assert not self._async, "an asynchronous client was not closed"

    def _health(self) -> dict[str, Any]:
        """That of all the stacks together, as one server would have it."""
        found: dict[str, Any] = self._stack.health()
        for starting in self._async.values():
            for name, provider in starting.result().health()["providers"].items():
                found["providers"][name]["running"] += provider["running"]
        return found


_EMBEDDED: dict[str, Embedded] = {}


@contextmanager
def embedded(source: str | Path) -> Iterator[str]:
    """The URL of a stack in this process that runs until the block is left."""
    host = f"embedded-{next(_NUMBERS)}.invalid"
    with pytest.MonkeyPatch.context() as patch:
        _reroute(patch)
        _EMBEDDED[host] = Embedded(source)
        try:
            yield f"http://{host}"
        finally:
            _EMBEDDED.pop(host).close()


def _reroute(patch: pytest.MonkeyPatch) -> None:
    sync, asynchronous = httpx2.HTTPTransport, httpx2.AsyncHTTPTransport
    send, async_send = sync.handle_request, asynchronous.handle_async_request
    aclose, leave = asynchronous.aclose, asynchronous.__aexit__

    def handle(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if (ours := _EMBEDDED.get(request.url.host)) is not None:
            return ours.answer(request)
        return send(self, request)

    async def handle_async(
        self: httpx2.AsyncHTTPTransport, request: httpx2.Request
    ) -> httpx2.Response:
        if (ours := _EMBEDDED.get(request.url.host)) is not None:
            return await ours.async_answer(self, request)
        return await async_send(self, request)

    async def close(self: httpx2.AsyncHTTPTransport) -> None:
        for ours in _EMBEDDED.values():
            await ours.release(self)
        await aclose(self)

    async def left(self: httpx2.AsyncHTTPTransport, *error: Any) -> None:
        await close(self)
        await leave(self, *error)

    patch.setattr(sync, "handle_request", handle)
    patch.setattr(asynchronous, "handle_async_request", handle_async)
    patch.setattr(asynchronous, "aclose", close)
    patch.setattr(asynchronous, "__aexit__", left)
