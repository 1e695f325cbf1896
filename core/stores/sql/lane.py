"""Threads that do what is asked of a database, and do at once what waits at the same moment.

One transaction costs the disk one wait, whatever is in it; so all the writes that came while the
last one was under way share the next. An answer is given when its transaction is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ...canon.errors import StackError
from .session import Session

T = TypeVar("T")


@dataclass(slots=True)
class Job:
    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Lane:
    """Threads with a connection each; `together` is how many jobs one transaction may hold."""

    def __init__(
        self, engine: Engine, passing: Callable[[DBAPIError], bool], threads: int, together: int
    ) -> None:
        self._engine = engine
        self._passing = passing
        self._together = together
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._run, name=f"store-{n}", daemon=True) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, work: Callable[[Connection], T]) -> T:
        """What the work returns; raises `StackError` where the database fails."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(Job(work, loop, future))
        return await future

    async def stop(self) -> None:
        """Finish what was asked, and end."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _run(self) -> None:
        with closing(Session(self._engine, self._passing)) as session:
            while jobs := self._waiting():
                outcomes = session.outcomes([job.work for job in jobs])
                for job, outcome in zip(jobs, outcomes, strict=True):
                    with suppress(RuntimeError):  # nobody waits: the loop has ended
                        job.loop.call_soon_threadsafe(_settle, job.future, outcome)

    def _waiting(self) -> list[Job]:
        """At least one job, and what waits behind it; none when there will be no more."""
        job = self._queue.get()
        jobs: list[Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._together:
                return jobs
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs
        if jobs:
            self._queue.put(None)  # it is for the next turn
        return jobs


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # its reader has left
        return
    if isinstance(outcome, StackError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
