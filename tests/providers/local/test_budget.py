"""What all local models take together: who makes room for whom, and who is told to come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from residing import Slow, opened, used

from polystack.core.canon.errors import ConfigError, Conflict, InvalidRequest, Overloaded
from polystack.core.canon.sizes import human
from polystack.core.faces.library.thread import LoopThread
from polystack.providers.local.budget import Budget
from polystack.providers.local.residency import Residency, Rules

HUNDRED = Rules(budget=100)


@asynccontextmanager
async def several(sizes: Sequence[int], *rules: Rules) -> AsyncIterator[list[Residency[int]]]:
    """Some that are quick to come, under one budget."""
    async with AsyncExitStack() as stack:
        budget = Budget()
        made = []
        for size, rule in zip(sizes, rules or [HUNDRED] * len(sizes), strict=True):
            slow = Slow()
            slow.gate.set()
            made.append(await stack.enter_async_context(opened(slow, rule, budget, size)))
        yield made


def here(residencies: Sequence[Residency[int]]) -> list[bool]:
    return [residency.here is not None for residency in residencies]


async def test_the_least_recently_used_makes_room() -> None:
    async with several([40, 40, 40]) as models:
        first, second, third = models
        for model in (first, second, first, third):
            await used(model)
        assert here(models) == [True, False, True]


async def test_as_many_go_as_are_needed_and_no_more() -> None:
    async with several([30, 30, 30, 60]) as models:
        for model in models:
            await used(model)
        assert here(models) == [False, False, True, True]


async def test_a_pinned_one_stays_however_long_nobody_used_it() -> None:
    pinned = Rules(pinned=True, budget=100)
    async with several([40, 40, 40], pinned, HUNDRED, HUNDRED) as models:
        for model in models:
            await used(model)
        assert here(models) == [True, False, True]


async def test_one_that_is_used_stays_and_where_all_are_one_has_to_come_back_later() -> None:
    async with several([60, 60]) as models:
        async with models[0].use():
            with pytest.raises(Overloaded, match="busy") as caught:
                await used(models[1])
            assert caught.value.retry_after
        assert await used(models[1]) == 1
        assert here(models) == [False, True]


async def test_one_that_could_never_fit_is_told_so_at_the_start_with_the_numbers() -> None:
    with pytest.raises(ConfigError, match=r"takes 3\.0 KiB, .* memory_budget of 2\.0 KiB"):
        async with several([3072], Rules(budget=2048)):
            pass


async def test_one_that_never_fits_beside_what_is_pinned_is_told_so() -> None:
    async with several([60, 60], Rules(pinned=True), HUNDRED) as models:
        await used(models[0])
        with pytest.raises(InvalidRequest, match="beside 60 B of pinned models"):
            await used(models[1])


async def test_the_smallest_budget_holds_for_all_and_only_while_its_model_is_open() -> None:
    async with several([60, 60, 1], Rules(budget=1000), Rules(), HUNDRED) as models:
        await used(models[0])
        await used(models[1])
        assert here(models[:2]) == [False, True]
        await models[2].close()
        await used(models[0])
        assert here(models[:2]) == [True, True]


async def test_what_fails_to_come_takes_no_room() -> None:
    async with several([60, 60]) as models:
        failing = Slow()
        failing.gate.set()
        failing.fault = ConfigError("broken")
        models[0]._bring = failing.bring
        with pytest.raises(InvalidRequest, match="broken"):
            await used(models[0])
        async with models[1].use():
            assert here(models) == [False, True]


def test_models_on_two_event_loops_share_a_budget() -> None:
    budget, slow = Budget(), Slow()
    slow.gate.set()
    other = LoopThread("other")
    try:
        theirs = Residency("theirs", slow.bring, slow.leave, HUNDRED, budget=budget)

        async def begin() -> None:
            theirs.open(60)
            await used(theirs)

        async def mine() -> None:
            async with opened(slow, HUNDRED, budget, 60) as residency:
                await used(residency)
                assert theirs.here is None

        other.run(begin())
        asyncio.run(mine())
        other.run(theirs.close())
    finally:
        other.stop()


class Lagging:
    """Takes a few turns of the loop to come and to go, and keeps account of the room."""

    room = 0

    def __init__(self, rng: random.Random, size: int, limit: int) -> None:
        self.rng, self.size, self.limit = rng, size, limit
        self.within = 0

    async def turns(self) -> None:
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)

    async def bring(self) -> int:
        Lagging.room += self.size
        assert Lagging.room <= self.limit, "two took the same room"
        await self.turns()
        if self.rng.random() < 0.1:
            Lagging.room -= self.size
            raise ConfigError("it fails now and then")
        self.within += 1
        assert self.within == 1, "it came twice"
        return self.size

    async def leave(self, here: int) -> None:
        await self.turns()
        self.within -= 1
        Lagging.room -= self.size


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_comes_and_goes_the_room_is_kept_and_given_back(seed: int) -> None:
    rng, budget, limit = random.Random(seed), Budget(), 100
    made = [Lagging(rng, size, limit) for size in (30, 40, 50, 60)]
    models = [
        Residency(f"m{one.size}", one.bring, one.leave, Rules(budget=limit), budget=budget)
        for one in made
    ]
    for model, one in zip(models, made, strict=True):
        model.open(one.size)
    answered = 0

    async def use(model: Residency[int], one: Lagging) -> None:
        nonlocal answered
        with suppress(Overloaded, InvalidRequest):
            async with model.use() as here:
                await one.turns()
                assert (here, one.within) == (one.size, 1), "it left while it was used"
                answered += 1

    async def unload(model: Residency[int]) -> None:
        with suppress(Conflict):
            await model.unload()

    tasks: list[asyncio.Task[None]] = []
    for _ in range(300):
        model, one = rng.choice([*zip(models, made, strict=True)])
        work = unload(model) if rng.random() < 0.2 else use(model, one)
        tasks.append(asyncio.create_task(work))
        if rng.random() < 0.2:
            rng.choice(tasks).cancel()
        if rng.random() < 0.5:
            await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ended} <= {type(None), asyncio.CancelledError}
    await asyncio.gather(*(model.close() for model in models))
    assert answered > 20
    assert (Lagging.room, [one.within for one in made]) == (0, [0] * 4)


@pytest.mark.parametrize(
    ("size", "said"), [(5, "5 B"), (2048, "2.0 KiB"), (9 << 30, "9.0 GiB"), (5 << 50, "5120.0 TiB")]
)
def test_sizes_are_told_to_people(size: int, said: str) -> None:
    assert human(size) == said
