"""Answers that are made whether anybody waits for them or not, in tasks of the Stack.

The record of such an answer is there before its client gets the first sign of it. It says who works
on it and until when that holds (`core/contract/lease.py`): the owner renews that, and looks whether
somebody, on whichever server, has cancelled or deleted it. An owner that dies renews nothing, and
the next reader breaks the answer off. Every change is a `swap`, so that each happens once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ..canon.errors import Overloaded, StackError
from ..contract import lease
from ..contract.api import Document
from ..contract.state import JOURNAL, Record
from .call import Reply
from .detached import Detached
from .journal import Journal

logger = logging.getLogger("polystack")

WAITING = 1024  # answers that may wait for their turn

Attempt = Callable[[], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are looked at, in seconds, and what the time is."""

    lease: float = 30.0
    renewal: float = 10.0
    look: float = 2.0  # whether an answer is still wanted
    batch: float = 0.1  # of events that are written together
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep


class Background:
    """The answers that this process works on; `most` of them at the same time."""

    def __init__(self, most: int, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.owner = uuid4().hex
        self._most = most
        self._turns = asyncio.Semaphore(most)
        self._jobs: dict[asyncio.Task[None], Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    async def start(self, session: Detached, record: Record, attempt: Attempt) -> None:
        """Keep the record, and go to work; raises `Overloaded` where too many wait already."""
        if len(self._jobs) >= self._most + WAITING:
            raise Overloaded("too many answers wait to be made in the background; try again later")
        document = lease.held(record.document, self.owner, self.pace.now() + self.pace.lease)
        await session.asking.records.put(Record(record.kind, record.id, document))
        job = Job(session, record, self.owner, self.pace)
        task = asyncio.create_task(job.run(attempt, self._turns))
        self._jobs[task] = job
        task.add_done_callback(self._jobs.pop)

    def look(self) -> None:
        """Have every job look at its record now: somebody here may have changed it."""
        for job in self._jobs.values():
            job.look()

    async def stop(self) -> None:
        """Break off what is not finished, and write that down."""
        tasks = list(self._jobs)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Job:
    """The making of one answer."""

    def __init__(self, session: Detached, record: Record, owner: str, pace: Pace) -> None:
        self._session = session
        self._kind, self._id = record.kind, record.id
        self._records = session.asking.records
        self._owner = owner
        self._pace = pace
        self._journal = Journal(self._records, record.id) if session.streamed else None
        self._looking = asyncio.Event()

    def look(self) -> None:
        self._looking.set()

    async def run(self, attempt: Attempt, turns: asyncio.Semaphore) -> None:
        work = [asyncio.create_task(self._work(attempt, turns)), asyncio.create_task(self._hold())]
        if self._journal is not None:
            work.append(asyncio.create_task(self._write(self._journal)))
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            logger.info("%s is broken off, since the stack stops", self._id)
        for task in work:
            task.cancel()
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            self._note(outcome)
        try:
            await self._finish()
        except Exception:  # its lease will run out
            logger.exception("the end of %s could not be kept", self._id)

    def _note(self, outcome: object) -> None:
        if isinstance(outcome, StackError):
            self._session.failed(outcome)
        elif isinstance(outcome, Exception):
            logger.error("an answer in the background failed", exc_info=outcome)
            self._session.failed(StackError("the answer failed; see the server's log"))

    async def _work(self, attempt: Attempt, turns: asyncio.Semaphore) -> None:
        async with turns:
            if not await self._change(self._session.state.going):
                return
            stream = (await attempt()).stream
            assert stream is not None, "a session that is detached streams"
            try:
                async for chunk in stream:
                    if self._journal is not None:
                        self._journal.feed(chunk, self._session.is_over)
            finally:
                await stream.aclose()  # type: ignore[attr-defined]

    async def _write(self, journal: Journal) -> None:
        while True:
            await self._pace.sleep(self._pace.batch)
            async with self._patience("the events"):
                await journal.flush()

    async def _hold(self) -> None:
        """Keep the lease until it is taken away, or the work is cancelled."""
        wanted = True
        while wanted:
            await self._moment()
            async with self._patience("the lease"):
                wanted = await self._renew()

    async def _renew(self) -> bool:
        """Renew the lease where it is time to; whether the answer is still wanted of us."""
        found = await self._records.get(self._kind, self._id)
        if found is None or not lease.is_held_by(found, self._owner) or lease.is_cancelled(found):
            return False
        if lease.until(found) - self._pace.now() <= self._pace.lease - self._pace.renewal:
            await self._change(self._renewed)
        return True

    @asynccontextmanager
    async def _patience(self, what: str) -> AsyncIterator[None]:
        """A store that does not answer may do so the next time; a refusal is for good."""
        try:
            yield
        except StackError:
            raise
        except Exception as error:
            logger.warning("%s of %s could not be written: %s", what, self._id, error)

    async def _moment(self) -> None:
        """Wait for the next look, or until there is something to see."""
        sleeping = asyncio.ensure_future(self._pace.sleep(self._pace.look))
        looking = asyncio.ensure_future(self._looking.wait())
        try:
            await asyncio.wait([sleeping, looking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            looking.cancel()
            self._looking.clear()

    def _renewed(self, document: Document) -> Document:
        return lease.held(document, self._owner, self._pace.now() + self._pace.lease)

    async def _change(self, change: Callable[[Document], Document]) -> bool:
        """Change the record, whoever else does; whether it is still ours to change."""
        while True:
            found = await self._records.get(self._kind, self._id)
            if found is None or not lease.is_held_by(found, self._owner):
                return False
            if await self._records.swap(Record(self._kind, self._id, change(found)), found):
                return True

    async def _finish(self) -> None:
        found = await self._records.get(self._kind, self._id)
        if found is None:  # deleted
            await self._records.drop(JOURNAL, f"{self._id}.")
            return
        if not lease.is_held_by(found, self._owner):
            return
        try:
            if self._journal is not None:
                await self._journal.flush()
            ended = await self._session.ended(found)
            if await self._records.swap(Record(self._kind, self._id, ended), found):
                return
        except StackError as error:  # too large to be kept, say
            self._session.give_up(error)
        await self._change(self._session.broken)  # or it was cancelled in the meantime
