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
from .battery import LONG, PLAIN, battery, for_model
from .findings import Breach, Finding, Unchecked, told
from .reading import Gate, Record, fault, read

T = TypeVar("T")

LOADING = 10  # times the patience: a large model takes long to load
SLICES = 20  # of the patience; a loop that stands still uses up one of them, however long
ROUNDS = 10  # cancellations of work that does not end, before it is left to itself
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
        return self.requests.get(LONG, self.plain)

    async def prepared(self, request: ir.Request | None = None) -> Prepared:
        """A prepared request; that it can be prepared is known by now."""
        ready = self.provider.prepare(request or self.plain)
        return await self.within(ready, "prepare()", "what was prepared once is prepared again")

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

    # What is left over ---------------------------------------------------------------------------

    def snapshot(self, status: bool = True) -> Snapshot:
        tasks = frozenset(task for task in asyncio.all_tasks() if not self._is_mine(task))
        try:
            return Snapshot(tasks, self.provider.status() if status else None)
        except Exception as error:
            raise Unchecked(f"status() raised {told(error)}") from error

    def _is_mine(self, task: asyncio.Task[Any]) -> bool:
        return task in self._mine or task is asyncio.current_task()

    async def left(self, before: Snapshot) -> str | None:
        """What a call has left behind that does not go away by itself; None where nothing has."""
        pauses = 0.0
        while more := _more(before, self.snapshot(before.status is not None)):
            if pauses >= self.patience:
                return more
            pauses += 0.005
            await asyncio.sleep(0.005)
        return None


def _more(before: Snapshot, now: Snapshot) -> str | None:
    if len(now.tasks) > len(before.tasks):
        task = next(iter(now.tasks - before.tasks))
        return f"the task {named(task)} still runs"
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
