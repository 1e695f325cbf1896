"""The asynchronous client: the same surface, and in library mode the caller's own loop."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from .test_answers import HELLO, Person
from .test_background import ENDLESS, RUNNING
from .test_conversations import said
from .test_keeping import SAID, text_of

pytestmark = pytest.mark.engine


async def ended(client: AsyncOpenAI, id: str) -> Any:
    for _ in range(2_000):
        if (found := await client.responses.retrieve(id)).status not in RUNNING:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{id} does not end")


async def test_answers(aclient: AsyncOpenAI, model: str) -> None:
    responses = aclient.responses
    made = await responses.create(model=model, input="Say hello")
    assert made.output_text == HELLO
    stream = await responses.create(model=model, input="Say hello", stream=True)
    events: list[Any] = [event async for event in stream]
    assert events[-1].response.output_text == HELLO
    async with responses.stream(model=model, input="Say hello") as helper:
        assert (await helper.get_final_response()).output_text == HELLO
    parsed = await responses.parse(
        model=model, input="Give me JSON with name Ann and city Paris.", text_format=Person
    )
    assert parsed.output_parsed == Person(name="Ann", city="Paris")
    counted = await responses.input_tokens.count(model=model, input="Say hello")
    assert counted.input_tokens > 0


async def test_many_at_once(aclient: AsyncOpenAI, model: str) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(aclient.responses.create(model=model, input=f"Count from 1 to {n}"))
            for n in range(2, 10)
        ]
    for task, number in zip(tasks, range(2, 10), strict=True):
        counted = ", ".join(str(n + 1) for n in range(number))
        assert task.result().output_text == f"{counted}."


async def test_keeping(aclient: AsyncOpenAI, model: str) -> None:
    responses = aclient.responses
    first = await responses.create(model=model, input="my name is Ada")
    second = await responses.create(
        model=model, input="What is my name?", previous_response_id=first.id
    )
    assert second.output_text == "Your name is Ada."
    assert await responses.retrieve(second.id) == second
    listed = [item async for item in responses.input_items.list(second.id, order="asc", limit=1)]
    assert [text_of(item) for item in listed] == [
        "my name is Ada",
        first.output_text,
        "What is my name?",
    ]
    brief = await responses.compact(model=model, input=SAID)
    assert [item.type for item in brief.output] == ["message", "compaction"]
    await responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await responses.retrieve(first.id)


async def test_conversations(aclient: AsyncOpenAI, model: str) -> None:
    talks = aclient.conversations
    talk = await talks.create(items=said("my name is Ada"))
    await talks.items.create(talk.id, items=[SAID[1]])
    made = await aclient.responses.create(
        model=model, input="What is my name?", conversation=talk.id
    )
    assert made.output_text == "Your name is Ada."
    listed = [item async for item in talks.items.list(talk.id, order="asc", limit=2)]
    assert [text_of(item) for item in listed][-2:] == ["What is my name?", "Your name is Ada."]
    id: Any = listed[0].id
    assert await talks.items.retrieve(id, conversation_id=talk.id) == listed[0]
    await talks.items.delete(id, conversation_id=talk.id)
    assert len((await talks.items.list(talk.id)).data) == 3
    changed = await talks.update(talk.id, metadata={"topic": "rain"})
    assert await talks.retrieve(talk.id) == changed
    assert (await talks.delete(talk.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await talks.retrieve(talk.id)


async def test_background(aclient: AsyncOpenAI, model: str) -> None:
    responses = aclient.responses
    made = await responses.create(model=model, input="Say hello", background=True)
    assert made.status in RUNNING
    assert (await ended(aclient, made.id)).output_text == HELLO
    endless = await responses.create(model=model, **ENDLESS)
    assert (await responses.cancel(endless.id)).status == "cancelled"
    stream = await responses.create(model=model, input="Say hello", background=True, stream=True)
    first: Any = await anext(aiter(stream))
    await stream.close()
    rest = [
        event
        async for event in await responses.retrieve(
            first.response.id, stream=True, starting_after=0
        )
    ]
    assert [event.sequence_number for event in rest] == list(range(1, len(rest) + 1))
    last: Any = rest[-1]
    assert last.response.output_text == HELLO
