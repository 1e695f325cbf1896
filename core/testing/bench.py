"""Where one check looks at one provider: running it, asking it, and seeing what is left over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ..canon import ir
from ..canon.errors import StackError
from ..contract.provider import Model, Prepared, Provider
from .battery import PLAIN, battery, for_model, long
from .findings import Breach, Finding, Unchecked, told
from .reading import Gate, Record, fault, read

T = TypeVar("T")

LOADING = 10  # times the patience: a large model takes long to load
SLICES = 20  # of the patience; a loop that stands still uses up one of them, however long
ROUNDS = 10  # cancellations of work that does not end, before it is left to itself
PAUSE = 0.01  # seconds in which others may tidy up
FURTHER = 5  # answers after a call that was left, by which its work must be over
COUNTED = ("running", "waiting")  # what of a status goes back when a call is over


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tasks of the loop and the provider's own figures, at one moment."""

    tasks: frozenset[asyncio.Task[Any]]
    status: Mapping[str, int] | None


class Bench:
    """`patience` is in seconds, and only for what would hang: no speed is ever judged by it."""

    def __init__(
        self,
        provider: Provider,
        check: str,
        *,
        model: str | None = None,
        requests: Mapping[str, ir.Request] | None = None,
        patience: float = 60.0,
    ) -> None:
        self.provider = provider
        self.findings: list[Finding] = []
        self.patience = patience
        self.model = Model("")
        self.requests: dict[str, ir.Request] = {}
        self.own = requests is None
        self._given = battery() if requests is None else requests
        self._check = check
        self._name = model
        self._mine: set[asyncio.Task[Any]] = set()

    def saw(self, seen: str, rule: str) -> None:
        self.findings.append(Finding(self._check, seen, rule))

    # The provider's life -------------------------------------------------------------------------

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """The provider between start and stop; that these work is the matter of one check only."""
        try:
            await self.within(self.provider.start(), "start()", "", LOADING)
        except Breach as breach:
            await self.stopped()
            raise Unchecked(breach.seen) from None
        try:
            yield
        finally:
            await self.stopped()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The same with a model chosen, and known to answer a plain request."""
        async with self.started():
            await self.answered()
            yield

    async def answered(self) -> None:
        """Choose a model, and see that a plain request is answered."""
        await self.choose()
        if why := await self.unanswered():
            raise Unchecked(why)

    async def stopped(self) -> None:
        with suppress(Breach):
            await self.within(self.provider.stop(), "stop()", "")

    async def choose(self) -> None:
        """Take the model that was named, or the first."""
        try:
            listed = list(await self.within(self.provider.models(), "models()", ""))
        except (Breach, TypeError) as error:
            raise Unchecked(str(error)) from None
        wanted, models = self._name, [each for each in listed if isinstance(each, Model)]
        found = next((m for m in models if wanted is None or m.id == wanted), None)
        if found is None and wanted is not None:
            found = self.provider.offer(wanted)
        if found is None:
            raise Unchecked(f"there is no model {wanted or ''}".rstrip())
        self.model = found
        self.requests = for_model(self._given, found.id)

    # Calls ---------------------------------------------------------------------------------------

    @property
    def plain(self) -> ir.Request:
        """The request that has to be answered: `plain`, or the first of those that were given."""
        return self.requests.get(PLAIN) or next(iter(self.requests.values()))

    @property
    def long(self) -> ir.Request:
        return long(self.model) if self.own else self.plain

    async def prepared(self) -> Prepared:
        """The plain request, prepared; that it can be is known by now."""
        ready = self.provider.prepare(self.plain)
        return await self.within(ready, "prepare()", "what was prepared once is prepared again")

    async def run(self) -> AsyncIterator[ir.Event]:
        """A stream that is not over at once, where the provider does not refuse such a request."""
        with suppress(StackError):
            return (await self.provider.prepare(self.long)).run(0)
        return (await self.prepared()).run(0)

    async def answer(self, request: ir.Request | None = None, gate: Gate | None = None) -> Record:
        """A whole answer, whatever comes; what `prepare` raises is in the record too."""
        record = Record()
        answered = self._answered(request or self.plain, record, gate)
        return await self.within(answered, "an answer", records=[record])

    async def _answered(self, request: ir.Request, record: Record, gate: Gate | None) -> Record:
        try:
            ready = await self.provider.prepare(request)
            source = ready.run(0)
        except Exception as error:
            record.error = error
            return record
        return await read(source, record, gate=gate)

    async def unanswered(self) -> str | None:
        """Why the plain request gets no legal answer now; None where it does."""
        try:
            record = await self.answer()
        except Breach as breach:
            return breach.seen
        if record.error is not None:
            return f"a plain request raised {told(record.error)}"
        if wrong := fault(record.events):
            return f"a plain request got no legal answer: {wrong}"
        return None if record.finished else "a plain request ended with Failed"

    # Waiting -------------------------------------------------------------------------------------

    async def within(
        self,
        work: Awaitable[T],
        what: str,
        rule: str = "whatever is waited for ends",
        times: int = 1,
        records: Sequence[Record] = (),
    ) -> T:
        """What `work` gives; what it raises, and that it does not end, are breaches.

        It may take as long as something comes into its records.
        """
        task = self.task(work)
        if not await self.done(task, times, records):
            raise Breach(f"{what} did not end: nothing came for {self.patience * times:g} s", rule)
        if task.cancelled():
            raise Breach(f"{what} raised CancelledError, though nobody cancelled it", rule)
        if error := task.exception():
            if not isinstance(error, Exception):
                raise error
            raise Breach(f"{what} raised {told(error)}", rule) from error
        return task.result()

    def task(self, work: Awaitable[T]) -> asyncio.Task[T]:
        """A task of the kit's own, which no provider is blamed for."""

        async def run() -> T:
            return await work

        task = asyncio.create_task(run())
        self._mine.add(task)
        return task

    async def done(
        self, task: asyncio.Task[Any], times: int = 1, records: Sequence[Record] = ()
    ) -> bool:
        """Whether a task ends; one that does not is cancelled, and left alone if that is no use."""
        came, waited = 0, 0
        while not task.done() and waited < SLICES * times:
            await asyncio.wait({task}, timeout=self.patience / SLICES)
            last, came = came, sum(len(record.events) for record in records)
            waited = waited + 1 if came == last else 0
        if task.done():
            return True
        for _ in range(ROUNDS):
            task.cancel()
            await asyncio.wait({task}, timeout=0.01)
        return False

    async def reached(self, event: asyncio.Event, reading: asyncio.Task[Any]) -> None:
        """Wait for what the reader of a stream tells, or for its end."""
        waiting = self.task(event.wait())
        either = asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await self.within(either, "the beginning of a stream")
        waiting.cancel()

    # What is left over ---------------------------------------------------------------------------

    def snapshot(self, status: bool = True) -> Snapshot:
        tasks = frozenset(task for task in asyncio.all_tasks() if not self._is_mine(task))
        try:
            return Snapshot(tasks, self.provider.status() if status else None)
        except Exception as error:
            raise Unchecked(f"status() raised {told(error)}") from error

    def _is_mine(self, task: asyncio.Task[Any]) -> bool:
        return task in self._mine or task is asyncio.current_task()

    async def gone(self, before: Snapshot, what: str, rule: str) -> None:
        """Nothing is left of a call that ended, and the next ones are answered.

        Work that goes on shows while other answers come: they take longer than any step. What has
        merely to be tidied up is given all the time it needs.
        """
        busy: str | None = None
        for _ in range(FURTHER):
            if why := await self.unanswered():
                raise Breach(f"{what}: after it, {why}", rule)
            await asyncio.sleep(PAUSE)  # an engine may count an answer after it has given it
            if (busy := _busy(before, self.snapshot())) is None:
                break
        if busy is not None:
            raise Breach(f"{what}: {FURTHER} answers later {busy}", rule)
        if task := await self.left(before):
            raise Breach(f"{what}: {task}", rule)

    async def left(self, before: Snapshot) -> str | None:
        """A task of the provider's that does not go away by itself; None where all do."""
        pauses = 0.0
        while len(now := self.snapshot(status=False).tasks) > len(before.tasks):
            if pauses >= self.patience:
                return f"the task {named(next(iter(now - before.tasks)))} still runs"
            pauses += PAUSE
            await asyncio.sleep(PAUSE)
        return None


def _busy(before: Snapshot, now: Snapshot) -> str | None:
    was, shown = before.status or {}, now.status or {}
    for name in COUNTED:
        if shown.get(name, 0) > was.get(name, 0):
            return f"status() still shows {name}: {shown[name]}"
    return None


def named(task: asyncio.Task[Any]) -> str:
    """A task by its coroutine and the line where it waits."""
    name = getattr(task.get_coro(), "__qualname__", task.get_name())
    stack = task.get_stack(limit=1)
    return f"{name} at {stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else name


def is_refusal(record: Record) -> bool:
    """Whether a request was declined as one may be: before `Started`, with a proper error."""
    return not record.started and isinstance(record.error, StackError)
