"""A connection to a tool server, opened when it is first needed and kept until it breaks.

The client library ties a connection to the task that opened it, so a kept one has a task of its
own; whoever has a call for it asks that task for the client.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...canon.errors import UpstreamError, UpstreamTimeout

if TYPE_CHECKING:
    from mcp import Client

logger = logging.getLogger("polystack")

FAREWELL = 10.0  # seconds for a server to end by itself


@dataclass(frozen=True, slots=True)
class Address:
    """Where a tool server is: a command, or a URL; `label` is what it is called in messages."""

    label: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@asynccontextmanager
async def connected(address: Address, patience: float) -> AsyncIterator[Client]:
    """A connection of one task; raises whatever the library does."""
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    if address.command:
        program, *arguments = address.command
        parameters = StdioServerParameters(
            command=program, args=arguments, env=dict(address.env), cwd=address.cwd
        )
        pipes = stdio_client(parameters, sys.__stderr__ or sys.stderr)
        async with Client(pipes, read_timeout_seconds=patience) as client:
            yield client
        return
    # It follows no redirect to another origin: that would lead around what the operator allows.
    async with httpx2.AsyncClient(headers=dict(address.headers), timeout=patience) as http:
        stream = streamable_http_client(address.url, http_client=http)
        async with Client(stream, read_timeout_seconds=patience) as client:
            yield client


class Kept:
    """One connection for everybody."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Client] | None = None
        self._closing = asyncio.Event()

    @property
    def open(self) -> bool:
        return self._task is not None and not self._task.done()

    async def client(self) -> Client:
        """Raises `UpstreamError` where there is no reaching the server."""
        if self._ready is None or not self.open:
            self._closing = asyncio.Event()
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep(self._ready, self._closing))
        ready = self._ready
        done, _ = await asyncio.wait([ready], timeout=self._timeout)
        if not done:
            await self.aclose()
            raise UpstreamTimeout(f"tool server {self._address.label} does not start in time")
        return ready.result()

    async def aclose(self) -> None:
        """Let go of the connection; the next call opens another."""
        task, ready = self._task, self._ready
        self._task = self._ready = None
        self._closing.set()
        if task is None:
            return
        if ready is not None and ready.done():
            await asyncio.wait([task], timeout=FAREWELL)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, ready: asyncio.Future[Client], closing: asyncio.Event) -> None:
        try:
            async with connected(self._address, self._timeout) as client:
                ready.set_result(client)
                await closing.wait()
        except Exception as error:
            name = cause(error)
            logger.warning("tool server %s: %s", self._address.label, name)
            if not ready.done():
                ready.set_exception(unreachable(self._address.label, error))
                ready.exception()  # it is no fault that nobody may be waiting any more
        finally:
            if not ready.done():
                ready.set_exception(UpstreamError(f"tool server {self._address.label} is gone"))
                ready.exception()


def unreachable(label: str, error: BaseException) -> UpstreamError:
    return UpstreamError(f"tool server {label} cannot be reached ({cause(error)})")


def cause(error: BaseException) -> str:
    """The name of what went wrong; messages of the library may hold addresses and headers."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
