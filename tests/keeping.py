"""A stack whose one provider keeps its models in memory, or pretends to."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from pydantic import BaseModel

from polystack.core import Model, Provider, Residence, ir
from polystack.core.canon.errors import Conflict, Overloaded
from polystack.core.faces.library.thread import LoopThread
from polystack.core.faces.server.app import App
from polystack.core.runtime.stack import Stack


class Keeper(Provider):
    """Two models: one is `busy` and never goes, one is `large` and never comes."""

    type = "keeper"

    class Config(BaseModel):
        pass

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self._loaded = {"small": False, "busy": True, "large": False}

    async def models(self) -> Sequence[Model]:
        return [Model(id, context_window=1000) for id in self._loaded]

    def residences(self) -> Sequence[Residence]:
        return [
            Residence(
                id,
                "loaded" if loaded else "unloaded",
                size=3 << 30,
                pinned=id == "busy",
                slots=4,
                running=int(id == "busy"),
                prompt_tokens=100,
                cached_tokens=25,
                output_tokens=70,
                tokens_per_second=12.34 if loaded else None,
            )
            for id, loaded in self._loaded.items()
        ]

    async def load_model(self, model: str) -> None:
        if model == "large":
            raise Overloaded("no room for it now", retry_after=5)
        self._loaded[model] = True

    async def unload_model(self, model: str) -> None:
        if model == "busy":
            raise Conflict("busy is busy")
        self._loaded[model] = False

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        raise AssertionError("nobody asks")
        yield


DISTRIBUTION: dict[str, Any] = {
    "version": 1,
    "name": "kept",
    "apis": ["chat"],
    "providers": {"here": {"type": "keeper"}, "there": {"type": "scripted"}},
    "models": {"main": {"provider": "here", "model": "small"}},
    "aliases": {"gpt-*": "main"},
}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def kept(**more: Any) -> Iterator[str]:
    """The URL of such a stack, on a thread of this process."""
    stack = Stack.load(DISTRIBUTION | more, providers=[Keeper])
    server = _Server(uvicorn.Config(App(stack), log_level="warning", lifespan="on", ws="none"))

    async def serve(listener: socket.socket) -> None:
        async with stack:
            await server.serve(sockets=[listener])

    loop = LoopThread("kept")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = threading.Thread(target=lambda: loop.run(serve(listener)))
        running.start()
        assert server.up.wait(20)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            running.join()
            loop.stop()
