"""Reads the event streams of one call in tasks of their own, and hands over what has arrived.

The reader takes everything at once and sends it in one write; a source that has much to say
waits as soon as `limit` events are not taken, so a slow client costs no memory and a busy source
cannot starve the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from ..canon import ir
from ..canon.collect import Collector
from ..canon.errors import ProtocolViolation, StackError
from ..canon.grammar import Grammar, State

logger = logging.getLogger("polystack")

LIMIT = 256  # events

UNENDED = "the provider's stream ended before its answer did"

Stage = Callable[[ir.Event], Iterable[ir.Event]]


async def fold(
    source: AsyncIterator[ir.Event], collector: Collector, stage: Stage | None = None
) -> None:
    """Collect the events of one source, as a pump would give them, to their end.

    A failure is raised.
    """
    grammar = Grammar()
    try:
        async for event in source:
            grammar.feed(event)
            for shown in stage(event) if stage is not None else (event,):
                collector.feed(shown)
            if grammar.state is State.DONE:
                return
        raise ProtocolViolation(UNENDED)
    except StackError:
        raise
    except Exception as error:
        raise _broken(error) from None
    finally:
        await _close(source)


async def _close(source: AsyncIterator[ir.Event]) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


def _broken(error: Exception) -> StackError:
    logger.error("a provider failed", exc_info=error)
    return StackError(f"the provider failed ({type(error).__name__}); see the log")


class Pump:
    """The merged events of `sources`, each with the number of its source.

    Every source obeys the grammar here: one that breaks it, raises, or ends without a terminal
    becomes a `Failed`, so each ends with exactly one terminal. `stages`, one for each source, may
    put other legal events in place of an event.
    """

    def __init__(
        self,
        sources: Sequence[AsyncIterator[ir.Event]],
        limit: int = LIMIT,
        stages: Sequence[Stage] = (),
    ) -> None:
        self._limit = limit
        self._stages = stages
        self._events: list[tuple[int, ir.Event]] = []
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._read(choice, source)) for choice, source in enumerate(sources)
        ]

    async def take(self, patience: float | None = None) -> list[tuple[int, ir.Event]]:
        """All that has arrived and was not taken; `[]` if `patience` seconds bring nothing."""
        if not self._events:
            self._arrived.clear()
            timer = None
            if patience is not None:
                timer = asyncio.get_running_loop().call_later(patience, self._arrived.set)
            try:
                await self._arrived.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        taken, self._events = self._events, []
        self._room.set()
        return taken

    async def aclose(self) -> None:
        """Cancel what still runs and wait until every source has let go."""
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)

    async def _read(self, choice: int, source: AsyncIterator[ir.Event]) -> None:
        grammar = Grammar()
        try:
            await self._follow(choice, source, grammar)
            if grammar.state is not State.DONE:
                raise ProtocolViolation(UNENDED)
        except StackError as error:
            self._put(choice, ir.Failed(error))
        except Exception as error:
            self._put(choice, ir.Failed(_broken(error)))

    async def _follow(self, choice: int, source: AsyncIterator[ir.Event], grammar: Grammar) -> None:
        stage = self._stages[choice] if self._stages else None
        try:
            async for event in source:
                grammar.feed(event)
                for shown in stage(event) if stage is not None else (event,):
                    self._put(choice, shown)
                if grammar.state is State.DONE:
                    return
                while len(self._events) >= self._limit:
                    self._room.clear()
                    await self._room.wait()
        finally:
            await _close(source)

    def _put(self, choice: int, event: ir.Event) -> None:
        self._events.append((choice, event))
        self._arrived.set()
