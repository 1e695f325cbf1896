"""Threads that do what is asked of a database, and do at once what waits at the same moment.

One transaction costs the disk one wait, whatever is in it; so all the writes that came while the
last one was under way share the next. An answer is given when its transaction is committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ...canon.errors import StackError

T = TypeVar("T")

logger = logging.getLogger(__name__)

TRIES = 3  # of a transaction that another one was in the way of, or whose connection was lost


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
        while jobs := self._waiting():
            for job, outcome in zip(jobs, self._outcomes(jobs), strict=True):
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

    def _outcomes(self, jobs: Sequence[Job]) -> Sequence[Any]:
        try:
            return self._committed(jobs)
        except Exception as error:
            if len(jobs) > 1 and not isinstance(error, CommitFailed):
                return [self._outcomes([job])[0] for job in jobs]  # one fails alone
            return [_told(error)] * len(jobs)

    def _committed(self, jobs: Sequence[Job]) -> Sequence[Any]:
        for left in reversed(range(TRIES)):
            try:
                return self._once(jobs)
            except DBAPIError as error:
                if not (left and (error.connection_invalidated or self._passing(error))):
                    raise
        raise AssertionError("the last try returns or raises")

    def _once(self, jobs: Sequence[Job]) -> Sequence[Any]:
        with self._engine.connect() as connection, connection.begin() as transaction:
            results = [job.work(connection) for job in jobs]
            try:
                transaction.commit()
            except SQLAlchemyError as error:
                raise CommitFailed(str(getattr(error, "orig", error))) from error
            return results


class CommitFailed(Exception):
    """Nobody knows whether it was done, so it is not tried again."""


def _told(error: Exception) -> StackError:
    if isinstance(error, StackError):
        return error
    logger.error("the store failed", exc_info=error)
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    return StackError(f"the store failed: {said[:200]}")


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # its reader has left
        return
    if isinstance(outcome, StackError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
