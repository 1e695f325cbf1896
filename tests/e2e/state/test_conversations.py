"""Conversations: items under one name, to which responses add theirs."""

from __future__ import annotations

import asyncio

import openai
import pytest

from .telling import Telling, reached, telling, told


async def test_responses_go_on_from_their_conversation_and_add_to_it() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create(
            items=[{"type": "message", "role": "user", "content": "before"}], metadata={"a": "b"}
        )
        assert talk.metadata == {"a": "b"}
        first = await client.responses.create(input="one", conversation=talk.id)
        assert first.conversation is not None
        assert first.conversation.id == talk.id
        await client.responses.create(input="two", conversation={"id": talk.id})
        assert told() == [
            ("user", "before"),
            ("user", "one"),
            ("assistant", "turn 2"),
            ("user", "two"),
        ]
        items = await client.conversations.items.list(talk.id, order="asc")
        texts = [item.content[0].text async for item in items]
        assert texts == ["before", "one", "turn 2", "two", "turn 4"]


async def test_a_chain_that_began_in_a_conversation_has_what_was_in_it_then() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create(items=[{"role": "user", "content": "before"}])
        first = await client.responses.create(input="one", conversation=talk.id)
        await client.responses.create(input="later", conversation=talk.id)
        await client.responses.create(input="branch", previous_response_id=first.id)
        assert [text for _, text in told()] == ["before", "one", "turn 2", "branch"]


async def test_items_are_added_found_and_removed() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create()
        made = await client.conversations.items.create(
            talk.id, items=[{"role": "user", "content": text} for text in "abc"]
        )
        ids = [item.id for item in made.data]
        assert len(set(ids)) == 3
        found = await client.conversations.items.retrieve(ids[1], conversation_id=talk.id)
        assert found.content[0].text == "b"
        await client.conversations.items.delete(ids[1], conversation_id=talk.id)
        with pytest.raises(openai.NotFoundError):
            await client.conversations.items.retrieve(ids[1], conversation_id=talk.id)
        rest = await client.conversations.items.list(talk.id)
        assert [item.id for item in rest.data] == [ids[2], ids[0]]


async def test_a_conversation_is_renamed_and_forgotten() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create()
        changed = await client.conversations.update(talk.id, metadata={"topic": "rain"})
        assert changed.metadata == {"topic": "rain"}
        assert await client.conversations.retrieve(talk.id) == changed
        gone = await client.conversations.delete(talk.id)
        assert gone.deleted
        with pytest.raises(openai.NotFoundError):
            await client.conversations.retrieve(talk.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(input="x", conversation=talk.id)


async def test_what_is_no_conversation_is_refused_by_name() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input="a")
        talk = await client.conversations.create()
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(
                input="b", conversation=talk.id, previous_response_id=made.id
            )
        assert caught.value.code == "mutually_exclusive_parameters"
        with pytest.raises(openai.BadRequestError, match="20 at most"):
            await client.conversations.items.create(
                talk.id, items=[{"role": "user", "content": "x"}] * 21
            )
        with pytest.raises(openai.BadRequestError, match=r"metadata\.a: must be a text"):
            await client.conversations.update(talk.id, metadata={"a": "x" * 600})


async def test_responses_at_the_same_time_overwrite_nothing() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create()
        said = [f"wait {number}" for number in range(4)]
        async with asyncio.TaskGroup() as group:
            for text in said:
                group.create_task(client.responses.create(input=text, conversation=talk.id))
            await reached(len(said))  # none of them has seen another one
            await client.conversations.items.create(
                talk.id, items=[{"role": "user", "content": text} for text in "xy"]
            )
            Telling.gate.set()
        items = await client.conversations.items.list(talk.id, order="asc", limit=100)
        texts = [item.content[0].text async for item in items]
        assert texts[:2] == ["x", "y"]
        assert sorted(texts[2::2]) == said
        assert texts[3::2] == ["so it is"] * len(said)
