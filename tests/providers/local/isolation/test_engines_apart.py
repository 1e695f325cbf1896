"""An engine in a process of its own: the same contract, and the same answers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, cast

import pytest
from engines import ENDLESS, HELLO, WEATHER, answer, ask, running, settled

from polystack.core import Provider, ir
from polystack.core.runtime.plugins import Plugins
from polystack.core.testing import ProviderCheck, check_provider

pytestmark = pytest.mark.engine

SOME = ("grammar", "closing")  # each check starts MLX, which takes its time
REQUESTS = (
    ask(HELLO),
    ask("Count from 3 to 9"),
    ask("How is the weather in Bern?", tools=(WEATHER,)),
    ask(HELLO, sampling=ir.Sampling(max_tokens=3, logprobs=True, top_logprobs=2)),
    ask("Give me JSON", output=ir.OutputFormat("json")),
)


def made(type: str) -> Provider:
    cls = Plugins().provider(type)
    settings = {"model": "builtin:tiny", "context": 2048, "isolate": "process"}
    return cls("checked", cls.Config.model_validate(settings))


def test_llamacpp_keeps_the_contract(provider_check: ProviderCheck) -> None:
    provider_check(made("llamacpp"))


async def test_mlx_keeps_the_contract() -> None:
    await check_provider(made("mlx"), only=SOME)


@pytest.mark.parametrize("kind", ["llamacpp", "mlx"])
async def test_the_answers_are_those_of_an_engine_in_this_process(kind: str) -> None:
    async with running(kind, isolate="process") as apart, running(kind) as here:
        assert await apart.models() == await here.models()
        for request in REQUESTS:
            assert await apart.count_tokens(request) == await here.count_tokens(request)
            found = await asyncio.gather(answer(apart, request), answer(here, request))
            assert [_plain(each) for each in found] == [_plain(found[0])] * 2


def _plain(response: ir.Response) -> tuple[object, ...]:
    """All but what is new each time: the names of the answer and of its calls."""
    calls = [part.name + part.arguments for part in response.parts if isinstance(part, ir.ToolCall)]
    others = [part for part in response.parts if not isinstance(part, ir.ToolCall)]
    return others, calls, response.stop, response.usage


async def test_a_stream_that_is_left_frees_its_slot_there() -> None:
    async with running("llamacpp", isolate="process", slots=1, max_queue=0) as provider:
        for _ in range(3):
            run = cast("Any", (await provider.prepare(ask(ENDLESS))).run(0))
            async with aclosing(run) as events:
                async for event in events:
                    if isinstance(event, ir.Delta):
                        break
            await settled(provider)
        assert (await answer(provider, ask(HELLO))).parts


async def test_what_is_read_and_written_there_is_counted_here_over_every_process() -> None:
    async with running("llamacpp", isolate="process") as provider:
        found = await answer(provider, ask(HELLO))
        assert found.usage is not None
        for unloaded in range(1, 3):
            await _counted(provider, found.usage.input * unloaded, found.usage.output * unloaded)
            (kept,) = provider.residences()
            assert kept.state == "loaded"
            assert kept.size
            await provider.unload_model("tiny")
            (kept,) = provider.residences()
            assert (kept.state, kept.output_tokens) == ("unloaded", found.usage.output * unloaded)
            await answer(provider, ask(HELLO))


async def _counted(provider: Provider, prompt: int, output: int) -> None:
    """What is told unasked comes a little later."""
    async with asyncio.timeout(30):
        while (kept := provider.residences()[0]).output_tokens < output:
            await asyncio.sleep(0.005)
    assert (kept.prompt_tokens, kept.output_tokens) == (prompt, output)
