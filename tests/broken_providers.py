"""Small providers that break the contract in one way each, and the sound one that they are."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

from pydantic import BaseModel

from polystack.core import Model, Prepared, Provider, TokenCount, ir
from polystack.core.canon.errors import NotSupported

WORDS = "one two three four five six seven eight nine ten".split()


class Settings(BaseModel):
    pass


class Sound(Provider):
    """Says what it was asked, a word at a time, and then counts."""

    type = "sound"
    Config = Settings
    running = 0

    def __init__(self) -> None:
        super().__init__(type(self).__name__, Settings())

    async def models(self) -> Sequence[Model]:
        return [Model("echo")]

    def status(self) -> Mapping[str, int]:
        return {"running": self.running}

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.running += 1
        try:
            for event in self.events(request):
                await asyncio.sleep(0)
                yield event
        finally:
            self.running -= 1

    def events(self, request: ir.Request) -> list[ir.Event]:
        deltas = [ir.Delta(0, word) for word in self.words(request)]
        start, end = ir.Started("1", "echo"), ir.Finished(ir.Stop("end"))
        return [start, ir.PartStarted(0, ir.Text("")), *deltas, ir.PartEnded(0), end]

    def words(self, request: ir.Request) -> list[str]:
        return [*(ir.text_of(turn.parts) for turn in request.turns), *WORDS]


# The order of events -----------------------------------------------------------------------------


class FinishesTwice(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return [*super().events(request), ir.Finished(ir.Stop("end"))]


class SpeaksAfterItsEnd(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return [*super().events(request), ir.Delta(0, "more")]


class CountsPartsWrong(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        events = super().events(request)
        events[2] = ir.Delta(1, "elsewhere")
        return events


class JustStops(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return super().events(request)[:-1]


class LeavesAPartOpen(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return [e for e in super().events(request) if not isinstance(e, ir.PartEnded)]


class StartsWithItsPart(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return super().events(request)[1:]


class StartsTwice(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return [ir.Started("0", "echo"), *super().events(request)]


class StartsWithText(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        events = super().events(request)
        events[1] = ir.PartStarted(0, ir.Text("already"))
        return events


class CountsBackwards(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        *events, _ = super().events(request)
        return [*events, ir.Finished(ir.Stop("end"), ir.Usage(3, -1))]


class SpeaksInDicts(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        return [{"type": "started"}, *super().events(request)]  # type: ignore[list-item]


# Errors ------------------------------------------------------------------------------------------


class RaisesAfterStarted(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        yield ir.Started("1", "echo")
        raise ValueError("the engine fell over")


class RaisesWhateverComes(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        raise KeyError("tokens")
        yield


class FallsOverStrangeRequests(Sound):
    async def prepare(self, request: ir.Request) -> Prepared:
        request.turns[0].parts[0]
        return await super().prepare(request)


class FailsWithAText(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        if request.model == "echo":
            return super().events(request)
        return [ir.Started("1", "echo"), ir.Failed("no such model")]  # type: ignore[arg-type]


class RefusesEverything(Sound):
    async def prepare(self, request: ir.Request) -> Prepared:
        raise NotSupported("this is not possible")


# Leaving -----------------------------------------------------------------------------------------


class SwallowsCancellation(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        for event in self.events(request):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            yield event


class NeverLetsGo(Sound):
    """Once it is cancelled it waits for ever, whoever asks."""

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        for event in self.events(request):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                await _for_ever()
            yield event


async def _for_ever() -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


class TurnsCancellationIntoAnError(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        for event in self.events(request):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                raise RuntimeError("interrupted") from None
            yield event


class SpeaksWhenClosed(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        events = self.events(request)
        try:
            for event in events[:-1]:
                yield event
        finally:
            yield events[-1]


class KeepsItsSlot(Sound):
    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.running += 1
        for event in self.events(request):
            await asyncio.sleep(0)
            yield event
        self.running -= 1


class EndsInItsOwnTime(Sound):
    """Nothing stays for ever, and nothing is cancelled."""

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.running += 1
        work = asyncio.get_running_loop().call_later(5, self._over)
        for event in self.events(request):
            await asyncio.sleep(0)
            yield event
        work.cancel()
        self._over()

    def _over(self) -> None:
        self.running -= 1


class LeavesItsWorker(Sound):
    """Its worker ends when the answer was read, and not when it was left."""

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        worker = asyncio.create_task(asyncio.sleep(3600))
        for event in self.events(request):
            await asyncio.sleep(0)
            yield event
        worker.cancel()


class BeginsWhenPrepared(Sound):
    async def prepare(self, request: ir.Request) -> Prepared:
        self.running += 1

        async def run(choice: int) -> AsyncIterator[ir.Event]:
            try:
                for event in self.events(request):
                    yield event
            finally:
                self.running -= 1

        return Prepared(run)


# At the same time --------------------------------------------------------------------------------


class SharesItsIterator(Sound):
    """The second stream takes the events that the first one was about to give."""

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.queue = self.events(request)
        while self.queue:
            await asyncio.sleep(0)
            if self.queue:
                yield self.queue.pop(0)


class MixesAnswersUp(Sound):
    """Legal streams, with the words of whoever asked last."""

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        self.asked = request
        start, part, *_ = self.events(request)
        yield start
        await asyncio.sleep(0)
        for event in (part, *self.events(self.asked)[2:]):
            yield event


class AnswersOneAfterAnother(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.lock = asyncio.Lock()

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        async with self.lock:
            async for event in super().generate(request):
                yield event


class SaysThatItHasOneSlot(AnswersOneAfterAnother):
    """And is sound, since it says so."""

    def status(self) -> Mapping[str, int]:
        return {"slots": 1, "running": self.running}


class Sleeps(Sound):
    def events(self, request: ir.Request) -> list[ir.Event]:
        time.sleep(0.0001)
        return super().events(request)


class WaitsForAThread(Sound):
    waited = False

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        if not self.waited:
            self.waited = True
            threading.Event().wait(1)
        return await super().count_tokens(request)


class AsksAServer(Sound):
    """With a client that is not made for event loops."""

    def words(self, request: ir.Request) -> list[str]:
        here, there = socket.socketpair()
        with here, there:
            here.sendall(b"hello")
            return [there.recv(5).decode(), *super().words(request)]


class LoadsAtTheFirstCall(Sound):
    loaded = False

    async def prepare(self, request: ir.Request) -> Prepared:
        if not self.loaded:
            self.load()
        return await super().prepare(request)

    def load(self) -> None:
        time.sleep(0.001)
        self.loaded = True


# Counting ----------------------------------------------------------------------------------------


def counting(count: Callable[[str], object], estimated: bool = True) -> Callable[[], Provider]:
    class Counts(Sound):
        async def count_tokens(self, request: ir.Request) -> TokenCount:
            text = "".join(ir.text_of(turn.parts) for turn in request.turns)
            return TokenCount(count(text), estimated)  # type: ignore[arg-type]

        def events(self, request: ir.Request) -> list[ir.Event]:
            *events, _ = super().events(request)
            return [*events, ir.Finished(ir.Stop("end"), ir.Usage(7, 7))]

    return Counts


# Life --------------------------------------------------------------------------------------------


class RaisesWhenStopped(Sound):
    async def stop(self) -> None:
        raise RuntimeError("nothing to stop")


class StopsOnce(Sound):
    """Its second stop finds nothing to let go of, and falls over that."""

    async def start(self) -> None:
        self.engines = ["engine"]

    async def stop(self) -> None:
        if hasattr(self, "engines"):
            self.engines.pop()


class StartsOnce(Sound):
    started = False

    async def start(self) -> None:
        if self.started:
            raise RuntimeError("it was started before")
        self.started = True


class LeavesItsPoller(Sound):
    async def start(self) -> None:
        self.poller = asyncio.create_task(asyncio.sleep(3600))


class FallsOverItsStatus(Sound):
    def status(self) -> Mapping[str, int]:
        raise KeyError("running")


class CannotStart(Sound):
    async def start(self) -> None:
        raise RuntimeError("there is no engine")


# Models ------------------------------------------------------------------------------------------


def offering(*models: Model) -> Callable[[], Provider]:
    class Offers(Sound):
        async def models(self) -> Sequence[Model]:
            return models

    return Offers
