"""The Stack that programs import: the running set of providers, and clients bound to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...canon import ir
from ...contract.api import Api, Document, Operation
from ...runtime import stack as runtime
from ...runtime.call import Call, Reply
from ...runtime.front import Front
from ...runtime.plugins import Plugins

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

    from ...runtime.config import Loaded
    from .blocking import Blocking


class Stack(runtime.Stack):
    """A distribution in this process, on the caller's loop or on a thread of its own.

    ```python
    async with Stack.load("starter") as stack:
        answer = await stack.openai().responses.create(model="tiny", input="Say hello")

    with Stack.load("starter") as stack:
        answer = stack.openai().responses.create(model="tiny", input="Say hello")
    ```

    `async with` gives the Stack itself, which belongs to the loop that it was started on. `with`
    gives a `Blocking` stack, whose calls wait, and may come from any thread.
    """

    def __init__(self, loaded: Loaded, plugins: Plugins | None = None) -> None:
        super().__init__(loaded, plugins)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._blocking: Blocking | None = None

    async def start(self) -> None:
        if self._loop is not None:
            raise RuntimeError("this stack runs already; load another one")
        await super().start()
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        self._loop = None
        await super().stop()

    def openai(self, **options: Any) -> AsyncOpenAI:
        """The openai package's client of this stack; options go to its constructor."""
        from .clients import async_openai

        return async_openai(self._front(), self._check, options)

    def anthropic(self, **options: Any) -> AsyncAnthropic:
        """The anthropic package's client of this stack; options go to its constructor."""
        from .clients import async_anthropic

        return async_anthropic(self._front(), self._check, options)

    def transport(self) -> httpx2.AsyncBaseTransport:
        """For an httpx2 client of one's own, whatever host its URLs name."""
        from .clients import needed

        with needed():
            from .transport import Transport
        return Transport(self._front(), self._check)

    async def handle(
        self, api: str | Api, operation: str | Operation, call: Call | Document
    ) -> Reply:
        self._check()
        return await super().handle(api, operation, call)

    async def generate(self, request: ir.Request) -> AsyncGenerator[ir.Event, None]:
        self._check()
        async with aclosing(super().generate(request)) as events:
            async for event in events:
                yield event

    async def load_model(self, name: str) -> Document:
        self._check()
        return await super().load_model(name)

    async def unload_model(self, name: str) -> Document:
        self._check()
        return await super().unload_model(name)

    def __enter__(self) -> Blocking:
        from .blocking import Blocking

        if self._loop is not None or self._blocking is not None:
            raise RuntimeError("this stack runs already; load another one")
        self._blocking = Blocking(self)
        return self._blocking

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        blocking, self._blocking = self._blocking, None
        if blocking is not None:
            blocking.stop()

    def _front(self) -> Front:
        self._check()
        return Front(self)

    def _check(self) -> None:
        """Raises `RuntimeError` where the Stack could not answer, with what to do instead."""
        if self._loop is None:
            raise RuntimeError("this stack does not run; use it inside `async with` or `with`")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "this stack runs on another event loop; use it where it was started, or "
                "`with Stack.load(...)`, whose calls may come from anywhere"
            )
