"""What a process of its own answers is what the provider would answer here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from isolating import Playing, Settings, alive, answer, ask, pid, playing, standing, stream, whole

from polystack.core import ir
from polystack.core.canon.errors import (
    InvalidRequest,
    NotSupported,
    Overloaded,
    RateLimited,
    StackError,
)
from polystack.providers.local.isolation.serving import WINDOW


async def settled(provider: Playing) -> None:
    async with asyncio.timeout(30):
        while provider.status()["running"]:
            await asyncio.sleep(0.005)


async def test_events_losses_and_counts_are_those_of_the_provider_itself() -> None:
    async with playing(key="five!") as away, playing(isolate="none", key="five!") as here:
        for provider in (away, here):
            prepared = await provider.prepare(ask("3"))
            assert [loss.path for loss in prepared.losses] == ["tools.0"]
            found = await whole(prepared.run(1))
            assert (found.id, ir.text_of(found.parts)) == ("id-1", "0 1 2 ")
            assert (await provider.count_tokens(ask("x"))).input == 5  # the secret came through
            assert [model.id for model in await provider.models()] == ["playing"]


async def test_what_the_provider_raises_is_raised_here_and_its_faults_are_logged_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with playing() as provider:
        with pytest.raises(InvalidRequest, match=r"^no$") as caught:
            await provider.prepare(ask("refuse"))
        assert caught.value.param == "messages.0"
        with pytest.raises(RateLimited) as later:
            await answer(provider, "refuse to run")
        assert later.value.retry_after == 2.5
        with pytest.raises(StackError, match=r"the provider failed \(ValueError\); see the log"):
            await provider.prepare(ask("break"))
        (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
        assert "ValueError: a bug" in record.getMessage()


async def test_vectors_come_through_and_so_does_what_the_model_cannot_do() -> None:
    async with playing() as provider:
        made = await provider.embed(ir.EmbeddingRequest("playing", ("a", (1, 2, 3))))
        assert made == ir.Embeddings(((0.5, 1.0), (1.5, 1.0)), ir.Usage(3))
        with pytest.raises(NotSupported, match="ranks no documents"):
            await provider.rerank(ir.RerankRequest("playing", "a", ("b",)))


async def test_a_slow_reader_holds_up_the_provider_and_nobody_else() -> None:
    async with playing() as provider:
        async with aclosing(await stream(provider, "100000")) as slow:
            assert isinstance(await anext(slow), ir.Started)
            assert len((await answer(provider, "1000")).split()) == 1000
            for _ in range(20):
                assert 1000 < (await provider.count_tokens(ask("made"))).input <= 1000 + WINDOW
        await settled(provider)


async def test_a_long_answer_arrives_whole_and_in_its_order() -> None:
    async with playing() as provider:
        found = await answer(provider, "5000")
        assert found == "".join(f"{number} " for number in range(5000))


async def test_closing_a_stream_cancels_it_there() -> None:
    async with playing() as provider:
        async with aclosing(await stream(provider, "wait")) as events:
            await anext(events)
            async with asyncio.timeout(30):
                while not provider.status()["running"]:
                    await asyncio.sleep(0.005)
        await settled(provider)


async def test_cancelling_a_call_cancels_it_there() -> None:
    async with playing() as provider:
        call = asyncio.create_task(provider.count_tokens(ask("never")))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await provider.count_tokens(ask("x"))).input == 0


async def test_what_is_prepared_and_never_run_is_let_go_there() -> None:
    async with playing() as provider:
        child = await standing(provider).residency.here.calling()  # type: ignore[union-attr]
        told: list[Any] = []
        child.link.mention = lambda *message: told.append(message)  # type: ignore[method-assign]
        prepared = await provider.prepare(ask("1"))
        assert not told
        del prepared
        assert [verb for verb, _ in told] == ["leave"]


async def test_a_request_that_no_message_can_hold_is_refused() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    async with playing() as provider:
        request = ir.Request("playing", (), metadata=deep)
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            await provider.prepare(request)
        assert await answer(provider, "1") == "0 "
    while deep:  # else it is taken apart by a recursion
        deep = deep.pop("a")


async def test_stopping_ends_the_process_and_what_runs_in_it() -> None:
    async with playing() as provider:
        process = pid(provider)
        running = await stream(provider, "wait")
        await anext(running)
        reading = asyncio.create_task(_rest(running))
        await asyncio.sleep(0)
    last = (await reading)[-1]
    assert isinstance(last, ir.Failed)
    assert isinstance(last.error, Overloaded)
    assert not alive(process)
    with pytest.raises(Overloaded, match="not running"):
        await provider.prepare(ask("1"))


async def _rest(events: AsyncIterator[ir.Event]) -> list[ir.Event]:
    return [event async for event in events]


async def test_the_process_starts_with_the_first_request_where_that_is_wanted() -> None:
    provider = Playing("play", Settings(isolate="process"))
    assert provider.residency is not None
    provider.residency.open()
    assert [model.id for model in await provider.models()] == ["playing"]
    assert provider.residency.here is None
    prepared = await provider.prepare(ask("2"))
    process = pid(provider)
    await provider.residency.unload()
    assert not alive(process)
    assert ir.text_of((await whole(prepared.run(0))).parts) == "0 1 "
    await provider.stop()
