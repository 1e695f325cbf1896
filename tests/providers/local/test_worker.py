"""The owner thread: admission, hand-over, cancellation, and what happens when the engine breaks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest

from polystack.core.canon import ir
from polystack.core.canon.errors import ConfigError, Overloaded, StackError
from polystack.providers.local import job as job_module
from polystack.providers.local.answer import Answer
from polystack.providers.local.generation import generation
from polystack.providers.local.job import Admitted, Broken, Ended, Job, Output, Token
from polystack.providers.local.parser import Parser
from polystack.providers.local.sampling import Sampler
from polystack.providers.local.worker import Worker

GREEDY = Sampler(0.0, 1.0, 0, 0.0, 1)


class Clockwork:
    """An engine of two slots that says one letter a step, as often as it is let."""

    def __init__(self, *, broken_load: bool = False) -> None:
        self.jobs: list[Job] = []
        self.dropped: list[Job] = []
        self.closed = False
        self.gate = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.leaving: list[Job] = []
        self.steps = 0
        self._broken_load = broken_load

    def load(self) -> None:
        if self._broken_load:
            raise ConfigError("no such model")

    def admit(self, job: Job) -> int | None:
        if len(self.jobs) == 2:
            return None
        self.jobs.append(job)
        return 3

    def step(self) -> list[tuple[Job, Output]]:
        self.steps += 1
        self.gate.acquire(timeout=5)
        if self.fault is not None:
            raise self.fault
        outputs: list[tuple[Job, Output]] = []
        for job in list(self.jobs):
            job.tokens.append(0)
            outputs.append((job, Token(b"x")))
            if len(job.tokens) >= job.limit:
                self.jobs.remove(job)
                outputs.append((job, Ended("length")))
        return outputs

    def preempted(self) -> list[Job]:
        leaving, self.leaving = self.leaving, []
        for job in leaving:
            self.jobs.remove(job)
        return leaving

    def drop(self, job: Job) -> None:
        if job in self.jobs:
            self.jobs.remove(job)
        self.dropped.append(job)

    def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def running(
    engine: Clockwork, capacity: int = 8, clock: Callable[[], float] = time.perf_counter
) -> AsyncIterator[Worker]:
    worker = Worker("tiny", engine, capacity, clock=clock)
    await worker.start()
    try:
        yield worker
    finally:
        engine.gate.release(1000)
        await worker.stop()


def job(max_tokens: int = 3) -> Job:
    return Job([1, 2, 3, 4], max_tokens, GREEDY)


async def outputs(of: Job) -> list[Output]:
    got: list[Output] = []
    while not (got and isinstance(got[-1], Ended | Broken)):
        got += await asyncio.wait_for(of.take(), 5)
    return got


def stream(worker: Worker, made: Job) -> AsyncIterator[ir.Event]:
    answer = Answer(Parser(lambda: "call_1"))
    return generation(worker, made, answer, ir.Started("1", "m"))


async def settled(worker: Worker) -> None:
    async with asyncio.timeout(5):
        while worker.running or worker.queued:
            await asyncio.sleep(0.001)


async def test_a_job_is_admitted_then_speaks_then_ends() -> None:
    engine = Clockwork()
    engine.gate.release(100)
    async with running(engine) as worker:
        made = job()
        worker.submit(made)
        assert await outputs(made) == [Admitted(3), *[Token(b"x")] * 3, Ended("length")]
    assert engine.closed


async def test_what_comes_while_nobody_reads_is_read_at_once() -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        events = stream(worker, job(10))
        started = await anext(events)
        assert started == ir.Started("1", "m", ir.Usage(4, cache_read=3))
        engine.gate.release(100)
        await settled(worker)
        rest = [event async for event in events]
    assert rest[1] == ir.Delta(0, "x" * 10)
    assert rest[-1] == ir.Finished(ir.Stop("length"), ir.Usage(4, 10, cache_read=3, reasoning=0))


class Noting(Job):
    """A job that remembers what came together."""

    def __init__(self, max_tokens: int) -> None:
        super().__init__([1, 2, 3, 4], max_tokens, GREEDY)
        self.deliveries: list[list[Output]] = []

    def put(self, outputs: list[Output]) -> None:
        self.deliveries.append(list(outputs))
        super().put(outputs)


async def test_tokens_that_come_faster_than_anybody_reads_come_together() -> None:
    engine, made = Clockwork(), Noting(6)
    engine.gate.release(100)
    async with running(engine, clock=lambda: 0.0) as worker:
        worker.submit(made)
        await outputs(made)
    token = Token(b"x")
    assert made.deliveries == [[Admitted(3)], [token], [*[token] * 5, Ended("length")]]


async def test_tokens_that_take_their_time_come_one_by_one() -> None:
    engine, made, seconds = Clockwork(), Noting(4), count()
    engine.gate.release(100)
    async with running(engine, clock=lambda: float(next(seconds))) as worker:
        worker.submit(made)
        await outputs(made)
    token = Token(b"x")
    assert made.deliveries == [[Admitted(3)], [token], [token], [token], [token, Ended("length")]]


async def test_nobody_waits_for_a_step_in_which_another_begins() -> None:
    engine, made = Clockwork(), Noting(1000)
    async with running(engine, clock=lambda: 0.0) as worker:
        worker.submit(made)
        engine.gate.release(3)
        while engine.steps < 4:
            await asyncio.sleep(0)
        other = job()
        worker.submit(other)
        engine.gate.release()  # the step in which the engine is while the other comes
        assert await other.take() == [Admitted(3)]
        assert sum(len(each) for each in made.deliveries) == 1 + 4
        worker.cancel(made)
        engine.gate.release(100)
        await outputs(other)


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    engine = Clockwork()
    async with running(engine, capacity=3) as worker:
        first = [job(), job()]
        for made in first:
            worker.submit(made)
            engine.gate.release()  # the second is admitted after the first's step
            await made.take()
        worker.submit(job())
        with pytest.raises(Overloaded) as caught:
            worker.submit(job())
        assert caught.value.retry_after


async def test_closing_the_iterator_frees_the_slot_within_a_step() -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        made = job(1000)
        events = stream(worker, made)
        await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        engine.gate.release()
        await settled(worker)
        assert engine.dropped == [made]
        assert not engine.jobs


async def test_a_job_that_is_cancelled_while_it_waits_never_runs() -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        made = [job(), job(), job()]
        for one in made:
            worker.submit(one)
        await made[1].take()
        worker.cancel(made[2])
        engine.gate.release(100)
        await settled(worker)
        assert made[2].sampled == 0


async def test_a_preempted_job_comes_back_and_is_admitted_once_only() -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        made = job(4)
        worker.submit(made)
        first = await made.take()
        engine.leaving = [made]
        engine.gate.release(100)
        assert [*first, *await outputs(made)] == [Admitted(3), *[Token(b"x")] * 4, Ended("length")]


async def test_a_broken_engine_fails_what_runs_and_refuses_what_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        events = stream(worker, job(100))
        waiting = job(), job()
        await anext(events)
        for made in waiting:
            worker.submit(made)
        engine.fault = ZeroDivisionError("oops")
        engine.gate.release()
        failed = await anext(events)
        assert isinstance(failed, ir.Failed)
        assert "ZeroDivisionError: oops" in failed.error.message
        assert isinstance((await outputs(waiting[1]))[-1], Broken)
        with pytest.raises(StackError, match="restart the server"):
            await anext(stream(worker, job()))
    assert "the engine of tiny broke" in caplog.text
    assert engine.closed


async def test_stopping_ends_every_stream_with_an_error() -> None:
    engine = Clockwork()
    async with running(engine) as worker:
        events = stream(worker, job(10_000_000))
        await anext(events)
        stopping = asyncio.create_task(worker.stop())
        while not stopping.done():
            engine.gate.release()
            await asyncio.sleep(0)
        rest = [event async for event in events]
        assert isinstance(rest[-1], ir.Failed)
        assert isinstance(rest[-1].error, Overloaded)
        with pytest.raises(Overloaded):
            worker.submit(job())
    assert engine.closed


async def test_an_engine_that_does_not_load_says_why_and_leaves_no_thread() -> None:
    engine = Clockwork(broken_load=True)
    worker = Worker("broken", engine, 2)
    with pytest.raises(ConfigError, match="no such model"):
        await worker.start()
    assert engine.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "engine broken"]


async def test_a_reader_that_falls_too_far_behind_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_module, "BACKLOG", 5)
    engine = Clockwork()
    async with running(engine, clock=count().__next__) as worker:
        made = job(1000)
        worker.submit(made)
        engine.gate.release(1000)
        await settled(worker)
        last = (await outputs(made))[-1]
        assert isinstance(last, Broken)
        assert "too far behind" in last.error.message
        assert engine.dropped == [made]


def test_a_reader_whose_loop_is_gone_lets_go_of_its_slot() -> None:
    engine = Clockwork()
    loop = asyncio.new_event_loop()
    worker = Worker("tiny", engine, 2)

    async def leave() -> None:
        await worker.start()
        worker.submit(job(1000))

    loop.run_until_complete(leave())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    engine.gate.release(1000)

    async def rest() -> None:
        await settled(worker)
        await worker.stop()

    asyncio.run(rest())
    assert engine.dropped
