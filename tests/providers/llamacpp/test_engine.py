"""What is llama.cpp's own: batches of a size, and a memory of a size."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from engines import ENDLESS, HELLO, WEATHER, answer, ask, running

from polystack.core import ir
from polystack.providers.llamacpp.batching import Batcher
from polystack.providers.llamacpp.planning import Planner

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("unified", [True, False])
async def test_a_prompt_longer_than_a_batch_is_read_in_chunks(unified: bool) -> None:
    words = " ".join(f"w{i}" for i in range(300))
    async with running("llamacpp", batch=64, prefill_chunk=48, kv_unified=unified) as provider:
        request = ask(f"Repeat this: {words}", sampling=ir.Sampling(max_tokens=8))
        whole = await answer(provider, request)
    async with running("llamacpp", batch=2048, prefill_chunk=2048) as provider:
        assert (await answer(provider, request)).parts == whole.parts


async def test_without_flash_attention_the_size_of_the_batches_changes_nothing() -> None:
    words = " ".join(f"w{i}" for i in range(100))
    sampling = ir.Sampling(max_tokens=12, logprobs=True, top_logprobs=1)
    request = ask(f"Repeat this: {words}", sampling=sampling)
    told = []
    for chunk in (512, 100, 37):
        async with running("llamacpp", prefill_chunk=chunk, flash_attention=False) as provider:
            (part,) = (await answer(provider, request)).parts
            assert isinstance(part, ir.Text)
            told.append([token.logprob for token in part.logprobs])
    assert told[1] == pytest.approx(told[0], abs=1e-3)  # with it, some are 0.02 apart
    assert told[2] == pytest.approx(told[0], abs=1e-3)


async def test_a_full_memory_ends_nobodys_request() -> None:
    """Eight endless answers share a memory for two of them."""
    async with running("llamacpp", context=256, slots=8, kv_unified=True) as provider:
        asked = ask(ENDLESS, sampling=ir.Sampling(max_tokens=200))
        answers = await asyncio.gather(*(answer(provider, asked) for _ in range(8)))
        assert {each.stop.reason for each in answers} == {"length"}
        assert len({ir.text_of(each.parts) for each in answers}) == 1


async def test_nothing_is_planned_while_nobody_comes_or_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans, plan = [], Planner.plan

    def counted(self: Planner) -> Any:
        plans.append(plan(self))
        return plans[-1]

    monkeypatch.setattr(Planner, "plan", counted)
    asked = ask(ENDLESS, sampling=ir.Sampling(max_tokens=200))
    async with running("llamacpp", slots=3) as provider:
        await asyncio.gather(*(answer(provider, asked) for _ in range(3)))
    assert 1 < len(plans) < 20  # of some 200 steps: around three that begin and three that end


async def test_all_are_answered_alike_whether_steps_are_planned_or_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Greedy, drawn, biased, held to a format, told how likely: each alone in what it needs."""
    schema: dict[str, ir.JSON] = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
    }
    greedy = ir.Sampling(max_tokens=60, temperature=0.0)

    async def answers() -> list[str]:
        async with running("llamacpp", slots=8) as provider:
            (four,) = provider._engine.vocabulary.tokenize("4", False)
            requests = [
                ask(ENDLESS, sampling=greedy),
                ask(HELLO, sampling=greedy),
                ask("Count from 3 to 9", sampling=replace(greedy, temperature=0.4, seed=3)),
                ask(ENDLESS, sampling=replace(greedy, logit_bias={four: -50.0})),
                ask(ENDLESS, sampling=replace(greedy, frequency_penalty=2.0)),
                ask(ENDLESS, sampling=greedy, output=ir.OutputFormat("schema", schema)),
                ask("What is the weather in Paris?", sampling=greedy, tools=(WEATHER,)),
                ask(ENDLESS, sampling=replace(greedy, logprobs=True)),
            ]
            told = await asyncio.gather(*(answer(provider, each) for each in requests))
        return [str([shown(part) for part in each.parts]) for each in told]

    repeated = await answers()
    assert len(set(repeated)) == len(repeated) - 1  # only the last says what the first says
    monkeypatch.setattr(Batcher, "_whole", lambda self, slots: None)
    assert await answers() == repeated


def shown(part: ir.Part) -> object:
    match part:
        case ir.ToolCall(name=name, arguments=arguments):
            return name, arguments
        case _:
            return ir.text_of((part,))


async def test_neighbours_that_leave_change_nobodys_answer_then_or_later() -> None:
    """Their slots are filled with rows that are thrown away, and used again afterwards."""
    asked = ask(ENDLESS, sampling=ir.Sampling(max_tokens=150))
    async with running("llamacpp", slots=5, kv_unified=False) as provider:
        alone = await answer(provider, asked)
        tasks = [asyncio.create_task(answer(provider, asked)) for _ in range(5)]
        while provider.status()["running"] < 5:
            await asyncio.sleep(0)
        for left in (tasks[1], tasks[3]):
            left.cancel()
        stayed = [await tasks[number] for number in (0, 2, 4)]
        again = await asyncio.gather(*(answer(provider, asked) for _ in range(5)))
    assert all(each.parts == alone.parts for each in [*stayed, *again])
