"""A request that crashes the engine each time is not tried for ever; no other one is suspected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from isolating import answer, ask, playing, stream

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest, StackError
from polystack.providers.local.isolation import supervising
from polystack.providers.local.isolation.suspects import SPAN, Suspects

REFUSED = "crashed 2 times over this very request; it is not tried again for 10 minutes"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def crashing(suspects: Suspects, *requests: ir.Request) -> None:
    with ExitStack() as under_way:
        for request in requests:
            under_way.enter_context(suspects.watched(request))
        suspects.crashed()


async def test_the_third_try_is_refused_and_others_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.0)
    async with playing(max_restarts=2) as provider:
        for _ in range(2):
            with pytest.raises(StackError, match="ended by SIGSEGV"):
                await answer(provider, "die")
        with pytest.raises(InvalidRequest, match=REFUSED):
            await answer(provider, "die")
        assert await answer(provider, "1") == "0 "


async def test_a_call_that_crashes_beside_a_stream_leaves_the_stream_unsuspected() -> None:
    async with playing() as provider:
        for _ in range(2):
            running = await stream(provider, "wait")
            await anext(running)
            with pytest.raises(StackError, match="ended by SIGSEGV"):
                await provider.count_tokens(ask("die at once"))
            await failed(running)
        running = await stream(provider, "wait")
        assert isinstance(await anext(running), ir.Started)
        await running.aclose()


async def failed(events: AsyncIterator[ir.Event]) -> None:
    *_, last = [event async for event in events]
    assert isinstance(last, ir.Failed)


def test_what_was_under_way_with_others_is_not_suspected() -> None:
    suspects = Suspects()
    for _ in range(5):
        crashing(suspects, ask("one"), ask("other"))
    crashing(suspects, ask("one"))
    crashing(suspects)
    with suspects.watched(ask("one")), suspects.watched(ask("other")):
        pass


def test_the_choices_of_one_request_are_one_request() -> None:
    suspects = Suspects()
    for _ in range(2):
        request = ask("one")
        crashing(suspects, request, request)
    again = replace(ask("one"), headers={"x-beta": "a retry may have others"})
    with pytest.raises(InvalidRequest, match=REFUSED), suspects.watched(again):
        pass


def test_a_suspicion_ends() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    for _ in range(2):
        crashing(suspects, ask("one"))
    clock.now = SPAN + 1
    with suspects.watched(ask("one")):
        pass
