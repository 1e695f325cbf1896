"""A tool server of the official package; as a program it speaks over its pipes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server import MCPServer


def made() -> MCPServer:
    server = MCPServer("desk")

    @server.tool()
    def add(a: int, b: int) -> str:
        """The sum of two numbers."""
        return str(a + b)

    @server.tool()
    def divide(a: int, b: int) -> str:
        """One number by another."""
        return str(a // b)

    @server.tool()
    def leave() -> str:
        """End the process in the middle of the call."""
        os._exit(3)

    return server


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The same over HTTP; its address."""
    async with _running(made().streamable_http_app()) as url:
        yield url


@asynccontextmanager
async def redirecting(target: str) -> AsyncIterator[str]:
    """An address that leads to another one."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"location", target.encode()), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 307, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async with _running(app, lifespan="off") as url:
        yield url


@asynccontextmanager
async def _running(app: Any, lifespan: Any = "auto") -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan=lifespan)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        await task


if __name__ == "__main__":
    made().run()
