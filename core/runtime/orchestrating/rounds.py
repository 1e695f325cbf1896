"""One answer in several rounds: what the model calls here is run, and it goes on with the results.

The rounds are one stream: one `Started`, parts numbered through, one `Finished` with the usage of
all. A server tool's call is shown when it is whole, and its result right behind it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from ...canon import ir
from ...contract.provider import Prepared, Provider
from .calling import Calls
from .offering import Offer
from .reading import Numbers, Reading, total
from .telling import Told, spelled

LIMIT = 32  # rounds; in the last one the model is told to answer
UNFINISHED = frozenset({"length", "context", "filter", "refusal"})  # a call may be half of one


class Rounds:
    """The rounds of one choice.

    `offer` is what the model is offered, with the turns as the client sent them; `first` is that
    with nothing run yet, prepared.
    """

    def __init__(self, provider: Provider, offer: Offer, told: Told, first: Prepared) -> None:
        self._provider = provider
        self._offer = offer
        self._told = told
        self._prepared = first
        self._numbers = Numbers()
        self._calls = Calls(offer.request, offer.functions, offer.request.max_tool_calls)
        self._usage: ir.Usage | None = None

    async def run(self, choice: int) -> AsyncIterator[ir.Event]:
        preface = [event async for event in self._preface()]
        agreed = {each.call_id: each for each in self._calls.results if each is not None}
        request = spelled_out(self._offer, agreed)
        if agreed:
            self._prepared = await self._provider.prepare(request)
        for number in range(1, LIMIT + 1):
            reading = Reading(self._offer.functions, self._numbers)
            async with aclosing(self._read(reading, choice, number, preface)) as events:
                async for event in events:
                    yield event
            if reading.finished is None:
                return  # it failed, and said so
            response, calls = reading.response(), reading.ours()
            self._usage = total(self._usage, response.usage)
            if not calls or number == LIMIT or response.stop.reason in UNFINISHED:
                yield self._end(reading.finished, "pause" if calls else None)
                return
            async with aclosing(self._calls.show(calls, self._numbers)) as events:
                async for event in events:
                    yield event
            results = self._calls.results
            if reading.theirs() or None in results:
                yield self._end(reading.finished, None if reading.theirs() else "end")
                return
            answered = tuple(result for result in results if result is not None)
            last = number == LIMIT - 1 or self._calls.left == 0
            request = self._continued(request, response, answered, last)
            self._prepared = await self._provider.prepare(request)

    async def _read(
        self, reading: Reading, choice: int, number: int, preface: Sequence[ir.Event]
    ) -> AsyncGenerator[ir.Event, None]:
        source = self._prepared.run(choice)
        try:
            async for event in source:
                shown = reading.feed(event)
                if shown is None or (isinstance(shown, ir.Started) and number > 1):
                    continue
                yield shown
                for each in preface if isinstance(shown, ir.Started) else ():
                    yield each
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    async def _preface(self) -> AsyncIterator[ir.Event]:
        """What comes before the model's own words: the tools there are, and what was agreed to."""
        for listing in self._offer.listings:
            if listing.server not in self._told.listed:
                for event in self._numbers.whole(listing):
                    yield event
        names = {(each.server, each.name): name for name, each in self._offer.functions.items()}
        agreed = [
            replace(
                call,
                name=names.get((call.server, call.name), call.name),
                pending=False,
                approval=call.id,
            )
            for call in self._told.approved
        ]
        async for event in self._calls.show(agreed, self._numbers):
            yield event

    def _end(self, finished: ir.Finished, reason: ir.StopReason | None) -> ir.Finished:
        """`reason` is for an answer that ends for another cause than the model's own."""
        stop = finished.stop
        if reason is not None and stop.reason not in UNFINISHED:
            stop = ir.Stop(reason)
        return replace(finished, stop=stop, usage=self._usage)

    def _continued(
        self,
        request: ir.Request,
        response: ir.Response,
        results: tuple[ir.ToolResult, ...],
        last: bool,
    ) -> ir.Request:
        """The next round's request: a choice that forced a call was for the first one only."""
        parts = tuple(_made_by(self._provider.name, part) for part in response.parts)
        turns = *request.turns, ir.Turn("assistant", parts), ir.Turn("user", results)
        choice = request.tool_choice
        forced = choice.mode in ("required", "named")
        mode = "none" if last else "auto" if forced else choice.mode
        return replace(request, turns=turns, tool_choice=_chosen(choice, mode))


def _chosen(choice: ir.ToolChoice, mode: str) -> ir.ToolChoice:
    if mode == choice.mode:
        return choice
    free: ir.ToolChoice = ir.ToolChoice(parallel=choice.parallel, at=choice.at)
    return replace(free, mode="none") if mode == "none" else replace(free, allowed=choice.allowed)


def _made_by(provider: str, part: ir.Part) -> ir.Part:
    """A thought goes back to its maker whole, and only to it."""
    if isinstance(part, ir.Reasoning) and part.origin is None:
        return replace(part, origin=provider)
    return part


def spelled_out(offer: Offer, results: Mapping[str, ir.ToolResult]) -> ir.Request:
    turns = spelled(offer.request.turns, offer.functions, results)
    return replace(offer.request, turns=turns)
