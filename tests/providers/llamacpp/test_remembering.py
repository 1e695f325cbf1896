"""What the engine need not read again gives the same answers as if it had read it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engines import answer, ask, running, settled

from polystack.core import ir
from polystack.providers.llamacpp.provider import LlamaCpp

pytestmark = pytest.mark.engine

STORY = " ".join(f"The {n} houses of the street are green." for n in range(60))
QUESTIONS = ("Say hello", "Count from 1 to 5.", 'Repeat this: "blue lamp"')
SHARES = pytest.mark.parametrize("unified", [True, False])


def about(question: str, story: str = STORY) -> ir.Request:
    return ask(
        question, instructions=(ir.Text(story),), sampling=ir.Sampling(temperature=0, max_tokens=24)
    )


async def fresh(request: ir.Request, **config: Any) -> ir.Response:
    async with running("llamacpp", slots=1, **config) as provider:
        return await answer(provider, request)


def same(left: ir.Response, right: ir.Response) -> bool:
    return ir.text_of(left.parts) == ir.text_of(right.parts) and left.stop == right.stop


def cached(response: ir.Response) -> int:
    assert response.usage is not None
    return response.usage.cache_read or 0


@SHARES
async def test_a_shared_beginning_is_read_once_by_requests_that_come_together(
    unified: bool,
) -> None:
    async with running("llamacpp", slots=3, kv_unified=unified, prefill_chunk=64) as provider:
        requests = [about(question) for question in QUESTIONS]
        answers = await asyncio.gather(*(answer(provider, request) for request in requests))
    assert sum(cached(each) > 500 for each in answers) == 2
    for request, found in zip(requests, answers, strict=True):
        assert same(found, await fresh(request))


async def test_choices_read_their_prompt_once() -> None:
    async with running("llamacpp", slots=4) as provider:
        prepared = await provider.prepare(about(QUESTIONS[0]))
        usages: list[ir.Usage] = []

        async def choice(number: int) -> None:
            async for event in prepared.run(number):
                if isinstance(event, ir.Finished) and event.usage is not None:
                    usages.append(event.usage)

        await asyncio.gather(*map(choice, range(4)))
    read = sum((usage.input or 0) - (usage.cache_read or 0) for usage in usages)
    assert read == (usages[0].input or 0) + 3  # the last token of each is read for its logits


async def test_who_is_left_alone_by_a_cancelled_twin_answers_and_tells_the_truth() -> None:
    async with running("llamacpp", slots=2, prefill_chunk=16) as provider:
        first = asyncio.create_task(answer(provider, about(QUESTIONS[0])))
        while not provider.status()["running"]:
            await asyncio.sleep(0)
        second = asyncio.create_task(answer(provider, about(QUESTIONS[1])))
        while provider.status()["running"] < 2:
            await asyncio.sleep(0)
        first.cancel()
        found = await second
        await settled(provider)
    assert cached(found) < 500
    assert same(found, await fresh(about(QUESTIONS[1])))


@SHARES
async def test_a_conversation_that_lost_its_slot_comes_back_from_ram(unified: bool) -> None:
    async with running("llamacpp", slots=1, kv_unified=unified) as provider:
        before = await answer(provider, about(QUESTIONS[0]))
        await answer(provider, about(QUESTIONS[1], STORY[::-1]))
        after = await answer(provider, about(QUESTIONS[0]))
    assert same(before, after)
    assert cached(after) > 500


async def test_without_memory_for_it_nothing_comes_back() -> None:
    async with running("llamacpp", slots=1, cache_memory=0) as provider:
        await answer(provider, about(QUESTIONS[0]))
        await answer(provider, about(QUESTIONS[1], STORY[::-1]))
        after = await answer(provider, about(QUESTIONS[0]))
    assert cached(after) < 10


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
async def test_a_restart_forgets_nothing(tmp_path: Path, kv_type: str) -> None:
    kept = {"cache_dir": str(tmp_path), "kv_type": kv_type}
    async with running("llamacpp", **kept) as provider:
        before = [await answer(provider, about(question)) for question in QUESTIONS]
    async with running("llamacpp", **kept) as provider:
        after = [await answer(provider, about(question)) for question in QUESTIONS]
    assert [cached(each) > 500 for each in after] == [True] * 3
    assert all(map(same, before, after))


async def test_what_another_kind_of_memory_kept_is_not_used(tmp_path: Path) -> None:
    async with running("llamacpp", cache_dir=str(tmp_path)) as provider:
        await answer(provider, about(QUESTIONS[0]))
    async with running("llamacpp", cache_dir=str(tmp_path), kv_type="q8_0") as provider:
        assert cached(await answer(provider, about(QUESTIONS[0]))) < 10


async def test_a_state_that_the_engine_refuses_is_read_anew(tmp_path: Path) -> None:
    async with running("llamacpp", cache_dir=str(tmp_path), context=2048) as provider:
        before = await answer(provider, about(QUESTIONS[0]))
    async with running("llamacpp", cache_dir=str(tmp_path), context=256) as provider:
        assert isinstance(provider, LlamaCpp)
        short = ask(QUESTIONS[0], sampling=ir.Sampling(temperature=0, max_tokens=8))
        assert ir.text_of((await answer(provider, short)).parts)
    async with running("llamacpp", cache_dir=str(tmp_path), context=2048) as provider:
        assert same(await answer(provider, about(QUESTIONS[0])), before)


REPEATED = 'Repeat this: "the green lamp is near the green door and the green lamp is on"'


@SHARES
@pytest.mark.parametrize("temperature", [0.0, 0.8])
async def test_drafts_change_no_answer(unified: bool, temperature: float) -> None:
    sampling = ir.Sampling(temperature=temperature, seed=5, max_tokens=120)
    requests = [ask(text, sampling=sampling) for text in (REPEATED, "Count to 100.", "Say hello")]
    found: list[list[ir.Response]] = []
    for draft in (0, 8):
        config = {"draft_tokens": draft, "kv_unified": unified, "slots": 3}
        async with running("llamacpp", **config) as provider:
            found.append(await asyncio.gather(*(answer(provider, each) for each in requests)))
    assert all(map(same, *found))
    assert [each.usage.output for each in found[0] if each.usage] == [
        each.usage.output for each in found[1] if each.usage
    ]


async def test_drafts_save_steps() -> None:
    steps: list[int] = []
    for draft in (0, 8):
        async with running("llamacpp", draft_tokens=draft) as provider:
            found = await answer(provider, ask(REPEATED, sampling=ir.Sampling(temperature=0)))
            assert "green lamp" in ir.text_of(found.parts)
            steps.append(provider._engine.batcher._slots.now)  # type: ignore[attr-defined]
    assert steps[1] < 0.7 * steps[0]
