"""The child's end: one provider, asked by messages.

Every call has a number, and gets one `done` or `raised` by that number. A stream is a call with
`event`s before it, of which no more are under way than its reader has given credit for: while that
is used up nothing is read from the engine, which merges what comes and cuts off in the end.

    start  number, settings          make the provider and start it
    call   number, method, argument  any method of CALLS
    run    number, prepared, choice  a stream of what the call `prepared` has prepared
    more   number, credit            the stream's reader has taken so many events
    leave  number                    nobody wants what this call gives, or has prepared
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from importlib import import_module
from operator import attrgetter
from typing import Any, cast

from ....core.canon.errors import StackError
from ....core.contract.provider import Prepared, Provider, Residence
from . import logs
from .link import Link, Message

log = logging.getLogger(__name__)

WINDOW = 64  # events of one stream that may be under way
CALLS = frozenset(["models", "prepare", "count_tokens", "embed", "rerank"])
TICK = 0.02  # seconds between two looks at the status while something runs
IDLE = 1.0  # the same while nothing does

Settings = Mapping[str, Any]


class Credit:
    """How many events may still be sent."""

    def __init__(self) -> None:
        self._left = WINDOW
        self._given = asyncio.Event()

    def give(self, events: int) -> None:
        self._left += events
        self._given.set()

    async def spend(self) -> None:
        self._left -= 1
        while self._left <= 0:
            self._given.clear()
            await self._given.wait()


class Serving:
    def __init__(self) -> None:
        self.link = Link(self._receive, self._lost, self._tell)
        self._alone = asyncio.Event()
        self._stirred = asyncio.Event()
        self._provider: Provider
        self._watching: asyncio.Task[None] | None = None
        self._status: Mapping[str, int] = {}
        self._residences: tuple[Residence, ...] = ()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._prepared: dict[int, Prepared] = {}
        self._credits: dict[int, Credit] = {}
        self._verbs: dict[str, Callable[..., None]] = {
            "start": lambda number, settings: self._begin(number, self._start(settings)),
            "call": lambda number, *asked: self._begin(number, self._call(number, *asked)),
            "run": lambda number, *asked: self._begin(number, self._run(number, *asked)),
            "more": self._more,
            "leave": self._leave,
        }

    async def until_alone(self) -> None:
        """Serve until the other end is gone; then let go of everything."""
        await self._alone.wait()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if hasattr(self, "_provider"):
            await self._provider.stop()

    # Messages ------------------------------------------------------------------------------------

    def _receive(self, message: Message) -> None:
        verb, *arguments = message
        self._verbs[verb](*arguments)
        self._stirred.set()

    def _lost(self) -> None:
        self._alone.set()

    def _more(self, number: int, events: int) -> None:
        if number in self._credits:
            self._credits[number].give(events)

    def _leave(self, number: int) -> None:
        self._prepared.pop(number, None)
        if number in self._tasks:
            self._tasks[number].cancel()

    # Calls ---------------------------------------------------------------------------------------

    def _begin(self, number: int, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks[number] = asyncio.create_task(self._answered(number, work))

    async def _answered(self, number: int, work: Coroutine[Any, Any, Any]) -> None:
        try:
            self.link.send("done", number, await work)
        except StackError as error:
            self.link.send("raised", number, error)
        except Exception as error:
            log.exception("the provider failed")
            told = StackError(f"the provider failed ({type(error).__name__}); see the log")
            self.link.send("raised", number, told)
        finally:
            del self._tasks[number]
            self._credits.pop(number, None)

    async def _start(self, settings: Settings) -> None:
        logs.tell(self.link, settings["level"])
        sys.path[:] = settings["path"]
        cls = attrgetter(settings["class"])(import_module(settings["module"]))
        config = cls.Config.model_validate(settings["config"])
        self._provider = cls(settings["name"], config)
        await self._provider.start()
        self._watching = asyncio.create_task(self._watch())  # which ends with the loop

    async def _call(self, number: int, method: str, *arguments: Any) -> Any:
        if method not in CALLS:
            raise StackError(f"{method} is nothing that another process may call")
        answer = await getattr(self._provider, method)(*arguments)
        if not isinstance(answer, Prepared):
            return answer
        self._prepared[number] = answer
        return tuple(answer.losses), answer.api

    async def _run(self, number: int, prepared: int, choice: int) -> None:
        credit = self._credits[number] = Credit()
        source = self._prepared[prepared].run(choice)
        async with aclosing(cast("AsyncGenerator[Any]", source)) as events:
            async for event in events:
                self.link.send("event", number, event)
                await credit.spend()

    # Status --------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Tell the other end what is going on, where that has changed."""
        now = dict(self._provider.status()) if self._watching else {}
        if now != self._status:
            self._status = now
            self.link.send("told", now, self._residences)

    def _count(self) -> None:
        """The same with its figures, which change all the time."""
        now = tuple(self._provider.residences())
        if now != self._residences:
            self._residences = now
            self.link.send("told", self._status, now)

    async def _watch(self) -> None:
        while True:
            self._tell()
            self._count()
            now = self._status
            await self._pause(bool(self._tasks or now.get("running") or now.get("waiting")))

    async def _pause(self, busy: bool) -> None:
        self._stirred.clear()
        if busy:
            await asyncio.sleep(TICK)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE):
                await self._stirred.wait()
