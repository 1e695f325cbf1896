"""An event loop on a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads, each of which waits for what it asked for.

    The thread is a daemon, so that a program that forgets to stop it can still end.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self.stopped = False
        self._closing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives or raises; who is interrupted cancels it, and waits for that.

        Raises `RuntimeError` after `stop`, and on the loop's own thread, which would wait for
        itself.
        """
        job = _Job(work)
        self._begin(job)
        try:
            return job.answer.result()
        except BaseException:  # Ctrl-C too: the work must not go on without its caller
            if not job.answer.done():
                self._loop.call_soon_threadsafe(job.cancel)
                wait([job.answer])
            raise

    def iterate(self, source: AsyncIterator[T]) -> Items[T]:
        return Items(self, source)

    def close(self, source: object) -> None:
        """Close an asynchronous iterator, and wait for that where one can.

        The garbage collector closes on whatever thread it runs, this loop's own too, and after the
        end, when all work was cancelled anyway.
        """
        with self._lock:
            if self.stopped:
                return
        if threading.current_thread() is self._thread:
            closing = self._loop.create_task(close(source))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        else:
            self.run(close(source))

    def stop(self) -> None:
        """Cancel what still runs there, and end the thread; a second time does nothing."""
        with self._lock:
            if self.stopped:
                return
            self.stopped = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _begin(self, job: _Job[Any]) -> None:
        with self._lock:
            if self.stopped:
                job.work.close()
                raise RuntimeError("this stack has stopped")
            if threading.current_thread() is self._thread:
                job.work.close()
                raise RuntimeError("the stack's own thread cannot wait for the stack")
            self._loop.call_soon_threadsafe(job.begin, self._loop)

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop):
            asyncio.set_event_loop(self._loop)
            self._loop.run_forever()


class Items(Iterator[T]):
    """What an asynchronous iterator on the loop gives, one by one.

    Whoever stops before the end closes this, which cancels the work behind it and waits for that.
    """

    def __init__(self, thread: LoopThread, source: AsyncIterator[T]) -> None:
        self._thread = thread
        self._source = source

    def __next__(self) -> T:
        item = self._thread.run(_next(self._source))
        if item is _END:
            raise StopIteration
        return item

    def close(self) -> None:
        self._thread.close(self._source)


class _Job(Generic[T]):
    """One coroutine on the loop, and its outcome for the thread that waits."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.work = work
        self.answer: Future[T] = Future()
        self._task: asyncio.Task[T] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self.work)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.answer.set_exception(RuntimeError("this stack has stopped"))
        elif error := task.exception():
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())


class _End:
    pass


_END: Any = _End()


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source, _END)


async def close(source: object) -> None:
    """Close an asynchronous iterator that can be closed."""
    aclose = getattr(source, "aclose", None)
    if aclose is not None:
        await aclose()
