"""The parent's end: calls and streams of one child, from its start to its end.

What is under way when the child goes is told why: a call, and a stream that has not begun, by a
raised error, a stream that has begun by a `Failed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest, StackError
from ....core.contract.provider import Prepared
from . import logs
from .link import Link, Message
from .serving import WINDOW
from .told import Told


class Inbox:
    """What came for one call, in its order, until its reader takes it."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._arrived = asyncio.Event()

    def put(self, *message: Any) -> None:
        self._messages.append(message)
        self._arrived.set()

    async def take(self) -> list[Message]:
        await self._arrived.wait()
        self._arrived.clear()
        messages, self._messages = self._messages, []
        return messages


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a child is gone, for what had not begun and for what had."""

    before: Callable[[], StackError]
    after: Callable[[], StackError]


class Kept:
    """What the child keeps of a prepared request, for as long as this is kept here."""

    def __init__(self, link: Link, number: int) -> None:
        self.number = number
        self._link = link

    def __del__(self) -> None:
        self._link.mention("leave", self.number)


class Calling:
    """`lost` is called when the child can no longer be talked to; `fail` then says why."""

    def __init__(self, lost: Callable[[], None], told: Told) -> None:
        self.link = Link(self._receive, lost)
        self._told = told
        self._numbers = count()
        self._inboxes: dict[int, Inbox] = {}
        self._cause: Cause | None = None

    def fail(self, cause: Cause) -> None:
        self._cause = cause
        for inbox in self._inboxes.values():
            inbox.put("gone", None)

    async def start(self, settings: Mapping[str, Any]) -> None:
        await self._asked("start", settings)

    async def call(self, method: str, *arguments: Any) -> Any:
        return (await self._asked("call", method, *arguments))[1]

    async def prepare(self, request: ir.Request) -> Prepared:
        number, (losses, api) = await self._asked("call", "prepare", request)
        kept = Kept(self.link, number)
        return Prepared(lambda choice: self._stream(kept, choice), losses, api)

    # Calls ---------------------------------------------------------------------------------------

    async def _asked(self, verb: str, *arguments: Any) -> tuple[int, Any]:
        """The number of a call, and what it gave."""
        number, inbox = self._opened()
        try:
            await self.link.writable()
            self._send(verb, number, *arguments)
            answer, value = (await inbox.take())[0]
        except asyncio.CancelledError:
            self.link.send("leave", number)
            raise
        finally:
            del self._inboxes[number]
        if answer != "done":
            raise value if answer == "raised" else self._gone().before()
        return number, value

    async def _stream(self, prepared: Kept, choice: int) -> AsyncIterator[ir.Event]:
        number, inbox = self._opened()
        taken, began, ended = 0, False, False
        try:
            self._send("run", number, prepared.number, choice)
            while not ended:
                for kind, value in await inbox.take():
                    match kind:
                        case "event":
                            began = True
                            yield value
                            taken += 1
                        case "raised":
                            raise value
                        case "gone" if began:
                            yield ir.Failed(self._gone().after())
                        case "gone":
                            raise self._gone().before()
                    ended = kind != "event"
                    if taken >= WINDOW // 2:
                        self.link.send("more", number, taken)
                        taken = 0
        finally:
            if not ended:
                self.link.send("leave", number)
            del self._inboxes[number]

    def _opened(self) -> tuple[int, Inbox]:
        if self._cause is not None:
            raise self._cause.before()
        number, inbox = next(self._numbers), Inbox()
        self._inboxes[number] = inbox
        return number, inbox

    def _send(self, *message: Any) -> None:
        try:
            self.link.send(*message)
        except RecursionError:
            raise InvalidRequest("the request is nested too deeply") from None

    def _gone(self) -> Cause:
        assert self._cause is not None
        return self._cause

    # Messages ------------------------------------------------------------------------------------

    def _receive(self, message: Message) -> None:
        kind, *rest = message
        match kind:
            case "told":
                self._told.hear(*rest)
            case "log":
                logs.repeat(*rest)
            case _:
                number, value = rest
                if number in self._inboxes:
                    self._inboxes[number].put(kind, value)
