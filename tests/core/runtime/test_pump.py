from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from polystack.core import ir
from polystack.core.canon.errors import Overloaded
from polystack.core.runtime.pump import Pump

DONE = ir.Finished(ir.Stop("end"))


async def play(*events: ir.Event) -> AsyncIterator[ir.Event]:
    for event in events:
        yield event


async def drain(pump: Pump) -> list[tuple[int, ir.Event]]:
    taken: list[tuple[int, ir.Event]] = []
    while not taken or not isinstance(taken[-1][1], ir.Finished | ir.Failed):
        taken += await pump.take()
    await pump.aclose()
    return taken


async def failure_of(*events: ir.Event) -> str:
    last = (await drain(Pump([play(*events)])))[-1][1]
    assert isinstance(last, ir.Failed)
    return last.error.message


async def test_everything_arrives_in_order() -> None:
    events: list[ir.Event] = [
        ir.Started("a", "m"),
        ir.PartStarted(0, ir.Text("")),
        ir.PartEnded(0),
        DONE,
    ]
    assert [event for _, event in await drain(Pump([play(*events)]))] == events


async def test_a_stream_without_an_end_fails() -> None:
    assert "ended before its answer" in await failure_of(ir.Started("a", "m"))
    assert "ended before its answer" in await failure_of()


async def test_a_stream_that_breaks_the_grammar_fails() -> None:
    assert "part 7 is not open" in await failure_of(ir.Started("a", "m"), ir.Delta(7, "x"))


async def test_nothing_follows_the_end() -> None:
    events = await drain(Pump([play(ir.Started("a", "m"), DONE, ir.Ping(), DONE)]))
    assert [event for _, event in events] == [ir.Started("a", "m"), DONE]


async def test_an_error_before_the_start_is_kept_whole() -> None:
    async def refuse() -> AsyncIterator[ir.Event]:
        raise Overloaded("the queue is full", retry_after=2)
        yield

    (_, event), *_ = await drain(Pump([refuse()]))
    assert isinstance(event, ir.Failed)
    assert isinstance(event.error, Overloaded)
    assert event.error.retry_after == 2


async def test_an_unexpected_exception_shows_its_type_and_not_its_text() -> None:
    async def crash() -> AsyncIterator[ir.Event]:
        yield ir.Started("a", "m")
        raise KeyError("/secret/path")

    _, (_, event) = await drain(Pump([crash()]))
    assert isinstance(event, ir.Failed)
    assert event.error.message == "the provider failed (KeyError); see the log"


async def test_patience_ends_with_an_empty_hand() -> None:
    async def wait() -> AsyncIterator[ir.Event]:
        await asyncio.Event().wait()
        yield DONE

    pump = Pump([wait()])
    assert await pump.take(0.01) == []
    await pump.aclose()


async def test_closing_closes_every_source() -> None:
    closed: list[int] = []

    async def hang(number: int) -> AsyncIterator[ir.Event]:
        try:
            yield ir.Started("a", "m")
            await asyncio.Event().wait()
        finally:
            closed.append(number)

    pump = Pump([hang(0), hang(1)])
    await pump.take()
    await pump.aclose()
    assert sorted(closed) == [0, 1]


async def test_a_source_waits_for_a_slow_reader() -> None:
    sent = 0

    async def busy() -> AsyncIterator[ir.Event]:
        nonlocal sent
        yield ir.Started("a", "m")
        for _ in range(10_000):
            sent += 1
            yield ir.Ping()
        yield DONE

    pump = Pump([busy()], limit=16)
    await pump.take()
    assert sent <= 32
    events = await drain(pump)
    assert isinstance(events[-1][1], ir.Finished)
    assert sent == 10_000


async def test_choices_keep_their_numbers() -> None:
    pump = Pump([play(ir.Started("a", "m"), DONE), play(ir.Started("b", "m"), DONE)])
    taken: list[tuple[int, ir.Event]] = []
    while sum(event == DONE for _, event in taken) < 2:
        taken += await pump.take()
    assert {choice: event.id for choice, event in taken if isinstance(event, ir.Started)} == {
        0: "a",
        1: "b",
    }
    await pump.aclose()
