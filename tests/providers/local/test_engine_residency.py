"""Engines that are loaded when they are needed, and let go for one another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias

import pytest
from engines import ENDLESS, HELLO, answer, ask, running, text

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, Conflict, StackError
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.provider import Local

pytestmark = pytest.mark.engine

GREETING = "Hello! How can I help you today?"

Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Local]]


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> Start:
    """Starts one that loads nothing before it is used, for as long as a block lasts."""
    return partial(running, request.param, load="use")


async def test_a_model_says_what_it_is_before_it_is_loaded(engine: Start) -> None:
    async with engine() as provider:
        before = await provider.models()
        assert provider._residency.here is None
        assert await text(provider, ask(HELLO)) == GREETING
        assert provider._residency.here is not None
        assert await provider.models() == before


async def test_the_first_requests_share_one_load(engine: Start) -> None:
    async with engine() as provider:
        answers = await asyncio.gather(*(text(provider, ask(HELLO)) for _ in range(4)))
        assert answers == [GREETING] * 4
        worker = provider._residency.here
        assert await text(provider, ask(HELLO)) == GREETING
        assert provider._residency.here is worker


async def test_a_request_that_is_running_keeps_its_model(engine: Start) -> None:
    async with engine() as provider:
        prepared = await provider.prepare(ask(ENDLESS, sampling=ir.Sampling(max_tokens=30)))
        events = prepared.run(0)
        assert isinstance(await anext(events), ir.Started)
        with pytest.raises(Conflict):
            await provider._residency.unload()
        assert isinstance([event async for event in events][-1], ir.Finished)
        await provider._residency.unload()


async def test_what_was_prepared_runs_though_its_model_left_meanwhile(engine: Start) -> None:
    schema = ir.OutputFormat("schema", {"type": "object", "required": ["a"]}, at="format")
    async with engine() as provider:
        prepared = await provider.prepare(
            ask(HELLO, output=schema, sampling=ir.Sampling(max_tokens=8))
        )
        await provider._residency.unload()
        assert provider._residency.state == "unloaded"
        events = [event async for event in prepared.run(0)]
        assert isinstance(events[0], ir.Started)
        assert isinstance(events[-1], ir.Finished)


@pytest.mark.parametrize("kind", ["llamacpp", "mlx"])
async def test_what_is_wrong_with_a_model_is_told_at_the_start_all_the_same(kind: str) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        async with running(kind, model="/nowhere/at/all", load="use"):
            pass


async def test_one_engine_makes_room_for_another_and_comes_back(engine: Start) -> None:
    small = {"context": 256, "slots": 1}
    async with engine(**small) as probe:
        size = probe._known.footprint
    budget = size + size // 2
    async with engine(**small, memory_budget=budget) as one, engine(**small) as other:
        for provider, rest in ((one, other), (other, one), (one, other)):
            assert await text(provider, ask(HELLO)) == GREETING
            assert provider._residency.here is not None
            assert rest._residency.here is None


async def test_a_model_takes_its_file_and_a_cache(engine: Start) -> None:
    file = BUILTIN["builtin:tiny"].stat().st_size
    async with engine(context=256, slots=1) as short, engine(context=512, slots=1) as long:
        caches = [each._known.footprint - file for each in (short, long)]
    assert caches[0] > 0
    assert caches[1] == 2 * caches[0]


async def test_what_never_fits_does_not_start(engine: Start) -> None:
    with pytest.raises(ConfigError, match=r"memory_budget of 1\.0 MiB"):
        async with engine(memory_budget="1MiB"):
            pass


async def test_mlx_gives_its_memory_back() -> None:
    mx = pytest.importorskip("mlx.core")
    async with running("mlx", load="use") as provider:
        before = mx.get_active_memory()
        await text(provider, ask(HELLO))
        assert mx.get_active_memory() - before > 1 << 20
        await provider._residency.unload()
        assert mx.get_active_memory() - before < 1 << 16


async def test_an_engine_says_how_it_is_kept_and_what_it_did(engine: Start) -> None:
    async with engine() as provider:
        (before,) = provider.residences()
        assert (before.model, before.state, before.slots) == ("tiny", "unloaded", 8)
        assert before.size == provider._known.footprint
        await provider.load_model("tiny")
        assert provider.residences()[0].state == "loaded"
        first = await answer(provider, ask(HELLO))
        await text(provider, ask(HELLO))
        (after,) = provider.residences()
        assert first.usage is not None
        assert after.prompt_tokens == 2 * first.usage.input
        assert after.cached_tokens == first.usage.input - 1
        assert after.output_tokens == 2 * first.usage.output
        assert after.tokens_per_second
        await provider.unload_model("tiny")
        assert provider.residences()[0].state == "unloaded"


async def test_an_engine_that_broke_is_loaded_again_for_the_next_request(
    engine: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> None:
        raise ZeroDivisionError("oops")

    async with engine() as provider:
        at = await provider._residency.arrived()
        at.engine.step = breaks  # type: ignore[method-assign,assignment]
        with pytest.raises(StackError, match="oops"):
            await text(provider, ask(HELLO))
        assert await text(provider, ask(HELLO)) == GREETING
        assert provider._residency.here is not at
    assert "broken, and loaded again" in caplog.text
