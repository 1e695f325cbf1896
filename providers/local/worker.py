"""The owner thread of one loaded model: nothing else ever touches the engine.

Jobs come in through a bounded queue from any event loop. Each step lets cancelled jobs go, admits
waiting ones, has the engine decode once, and hands the outputs over with one call per event loop.
To wake a loop costs as much as some steps of a small model, so tokens that come faster than anybody
reads are gathered for a moment. With nothing to do the thread sleeps. If the engine breaks, every
job is told, and new ones are refused with the reason.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Protocol

from ...core.canon.errors import Overloaded, StackError
from .job import Admitted, Broken, Job, Output, Token
from .meter import Meter

log = logging.getLogger(__name__)

PATIENCE = 1000  # milliseconds
CUT_OFF = "the answer was cut off: its reader fell too far behind"
PAUSE = 0.005  # seconds for which tokens may be gathered while all streams flow


class Engine(Protocol):
    """What an engine supplies; every method is called on the owner thread, `load` first.

    A job that `step` gives an `Ended` or a `Broken` for has left the engine. `preempted` are jobs
    that had to leave for lack of memory and want to come back.
    """

    def load(self) -> None: ...
    def admit(self, job: Job) -> int | None:
        """How many tokens of the job's are in memory already, or None if there is no room now."""

    def step(self) -> Iterable[tuple[Job, Output]]: ...
    def preempted(self) -> list[Job]: ...
    def drop(self, job: Job) -> None:
        """Let go of a job, running or not."""

    def close(self) -> None: ...


class Worker:
    def __init__(
        self,
        name: str,
        engine: Engine,
        capacity: int,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.meter = meter or Meter()
        self._clock = clock
        self._engine = engine
        self._capacity = capacity  # jobs, running and waiting ones together
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._inbox: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._running: dict[Job, None] = {}  # in the order of their admission
        self._outputs: dict[Job, list[Output]] = {}
        self._urgent = False  # whether some of them have to go at once
        self._delivered = clock()
        self._serials = count()
        self._stopping = False
        self._dead: Callable[[], StackError] | None = None
        self._thread: threading.Thread | None = None

    # Any thread ----------------------------------------------------------------------------------

    async def start(self) -> None:
        loaded: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(loaded,), name=f"engine {self.name}", daemon=True
        )
        self._thread.start()
        atexit.register(self._halt)
        try:
            # A cancelled start still waits in `stop` for what the thread is loading.
            await asyncio.shield(asyncio.wrap_future(loaded))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends the running jobs and waits for the thread, which closes the engine."""
        if self._thread is not None:
            await asyncio.shield(asyncio.to_thread(self._halt))

    def _halt(self) -> None:
        """Also at the interpreter's end: native code must not outlive it."""
        atexit.unregister(self._halt)
        self._stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
            _gone(thread)

    def submit(self, job: Job) -> None:
        """Raises `Overloaded` when the queue is full, or the reason why the engine has ended."""
        with self._lock:
            if self._dead is not None:
                raise self._dead()
            if self._stopping or self._thread is None:
                raise _stopped(self.name)
            if self.queued + self.running >= self._capacity:
                raise Overloaded(
                    f"{self.name}: {self.queued} requests are waiting already; try again later",
                    retry_after=1 + self.queued // 4,
                )
            job.serial = next(self._serials)
            self._inbox.append(job)
        self._wake.set()

    def cancel(self, job: Job) -> None:
        job.cancelled = True
        self._wake.set()

    @property
    def broken(self) -> bool:
        return self._dead is not None

    @property
    def queued(self) -> int:
        return len(self._inbox) + len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    # The owner thread ----------------------------------------------------------------------------

    def _run(self, loaded: Future[None]) -> None:
        try:
            self._engine.load()
        except BaseException as error:
            self._engine.close()
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        try:
            while not self._stopping:
                self._once()
            self._end(lambda: _stopped(self.name))
        except Exception as broken:
            log.exception("the engine of %s broke", self.name)
            reason = f"{type(broken).__name__}: {broken}"
            self._end(
                lambda: StackError(
                    f"the engine of {self.name} broke ({reason}); try again, and if that does not "
                    "help, restart the server"
                )
            )

    def _once(self) -> None:
        if self._wake.is_set() or self._waiting:
            self._wake.clear()
            self._sort_out()
        if self._urgent or not self._running:
            self._deliver()  # that a job is admitted need not wait for its first step
        if not self._running:
            self._wake.wait()
            return
        begun, tokens = self._clock(), 0
        running, outputs = self._running, self._outputs
        for job, output in self._engine.step():
            token = isinstance(output, Token)
            tokens += token
            if job in outputs:
                outputs[job].append(output)
            else:
                outputs[job] = [output]
            if not (token and job.flowing):
                self._urgent, job.flowing = True, token
                if output.last:
                    running.pop(job, None)
        now = self._clock()
        self.meter.stepped(tokens, now - begun)
        for job in self._engine.preempted():
            del self._running[job]
            self._waiting.appendleft(job)
        if self._urgent or tokens < len(self._running) or now - self._delivered >= PAUSE:
            self._deliver()

    def _sort_out(self) -> None:
        """Let cancelled jobs go and admit what there is room for, oldest first."""
        with self._lock:
            while self._inbox:
                job = self._inbox.popleft()
                (self._waiting.appendleft if job.slotless else self._waiting.append)(job)
        for job in [job for job in self._running if job.cancelled]:
            del self._running[job]
            self._engine.drop(job)
        for job in [job for job in self._waiting if job.cancelled]:
            self._waiting.remove(job)
            self._engine.drop(job)
        while self._waiting:
            job = self._waiting[0]
            try:
                cached = self._engine.admit(job)
            except StackError as error:
                self._waiting.popleft()
                self._engine.drop(job)
                self._write(job, Broken(error))
                continue
            if cached is None:
                break
            self._waiting.popleft()
            self._running[job] = None
            self._urgent = True  # the next step is a long one
            if not job.admitted:
                job.admitted = True
                self.meter.admitted(job.prompt_size, cached)
                self._write(job, Admitted(cached))

    def _write(self, job: Job, output: Output) -> None:
        self._outputs.setdefault(job, []).append(output)
        self._urgent, job.flowing = True, False

    def _deliver(self) -> None:
        outputs, self._outputs = self._outputs, {}
        self._urgent, self._delivered = False, self._clock()
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, list[Output]]]] = {}
        for job, items in outputs.items():
            if not job.written(len(items)) and job in self._running:
                del self._running[job]
                self._engine.drop(job)
                items.append(Broken(StackError(CUT_OFF)))
            by_loop.setdefault(job.loop, []).append((job, items))
        for loop, batch in by_loop.items():
            try:
                loop.call_soon_threadsafe(_put, batch)
            except RuntimeError:  # the loop is closed, and its readers are gone with it
                for job, _ in batch:
                    self.cancel(job)

    def _end(self, error: Callable[[], StackError]) -> None:
        with self._lock:
            self._dead = error
            jobs = [*self._running, *self._waiting, *self._inbox]
            self._running, self._waiting, self._inbox = {}, deque(), deque()
        with contextlib.suppress(Exception):
            for job in jobs:
                self._engine.drop(job)
        for job in jobs:
            self._outputs.setdefault(job, []).append(Broken(error()))
        self._deliver()
        try:
            self._engine.close()
        except Exception:
            log.exception("the engine of %s did not close", self.name)


def _put(batch: list[tuple[Job, list[Output]]]) -> None:
    for job, outputs in batch:
        job.put(outputs)


def _gone(thread: threading.Thread) -> None:
    """Wait until a joined thread has left the process, too.

    Before Python 3.13 `join` is through when a thread's last Python code is. What native code keeps
    for a thread goes after that (MLX's compiled functions, which are Python objects), and if the
    interpreter ends meanwhile, that ends the process.
    """
    place = Path("/proc/self/task", str(thread.native_id))
    for _ in range(PATIENCE if Path("/proc/self/task").exists() else 1):
        time.sleep(0.001)
        if not place.exists():
            return


def _stopped(name: str) -> StackError:
    return Overloaded(f"{name} is not running", retry_after=5)
