"""`stack run`: a Stack under uvicorn, with a clear word at the start and a clean end."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import socket
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any

import uvicorn

from ...canon.errors import ConfigError
from ...runtime.config import Loaded, ServerConfig
from ...runtime.plugins import Plugins
from ...runtime.stack import Stack
from .app import App
from .summary import summary

logger = logging.getLogger("polystack")

PONG = 60  # seconds after which a client that answers no ping is taken for gone
DRAIN = 30  # seconds that running answers have to end after the first signal


def serve(loaded: Loaded, plugins: Plugins) -> int:
    """Run until a signal; gives the exit code. Raises `ConfigError` for what fails at the start."""
    listener = _bind(loaded.distribution.server)
    try:
        return _run(_serve(Stack(loaded, plugins), listener))
    finally:
        listener.close()


def _run(main: Coroutine[Any, Any, int]) -> int:
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


async def _serve(stack: Stack, listener: socket.socket) -> int:
    async with stack:
        # What is there now stays: looking through it again and again costs a tenth of a request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 50)
        server = _Server(configured(stack), summary(stack, _url(listener)))
        await server.serve(sockets=[listener])
        return 0 if server.started else 1


def configured(stack: Stack) -> uvicorn.Config:
    return uvicorn.Config(
        App(stack),
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,  # nothing here looks at a client's address
        timeout_graceful_shutdown=DRAIN,
        **_websockets(stack.distribution.server),
    )


def _websockets(settings: ServerConfig) -> dict[str, Any]:
    if not settings.websocket:
        return {"ws": "none"}
    try:
        from .websocket import Protocol
    except ModuleNotFoundError:
        logger.warning("WebSockets are off: the package `websockets` is missing; install polystack")
        return {"ws": "none"}
    return {
        "ws": Protocol,
        "ws_max_size": settings.max_body,
        "ws_ping_interval": settings.keep_alive,
        "ws_ping_timeout": PONG,
    }


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._greeting, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # A second signal of any kind means now.
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def _bind(server: ServerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((server.host, server.port))
        # Listening here makes a taken port an error now, and not after the models are loaded.
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(_cannot_bind(server, error)) from None
    listener.setblocking(False)
    return listener


def _cannot_bind(server: ServerConfig, error: OSError | OverflowError) -> str:
    where = f"{server.host}:{server.port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"server.port: {where} is in use; choose another with --port, or 0 for a free one"
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"server.port: {where} needs privileges; choose a port above 1023 with --port"
    return f"server.host: cannot listen on {where}: {error}; try --host 127.0.0.1"


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
