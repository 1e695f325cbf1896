"""`previous_response_id`: a response goes on from all that was said before it."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from .telling import telling, told


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_chain_replays_what_was_said_and_thought(streamed: bool) -> None:
    async with telling() as stack:
        client = stack.openai()

        async def said(text: Any, **more: Any) -> Any:
            if not streamed:
                return await client.responses.create(model="telling", input=text, **more)
            async with client.responses.stream(model="telling", input=text, **more) as stream:
                return await stream.get_final_response()

        first = await said("think and call")
        assert first.store
        answer = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        second = await said([answer], previous_response_id=first.id)
        assert second.previous_response_id == first.id
        await said("bye", previous_response_id=second.id)
        assert told() == [
            ("user", "think and call"),
            ("assistant", "I thought about it"),
            ("assistant", "turn 1"),
            ("assistant", 'weather({"city": "Oslo"})'),
            ("user", "-> rain"),
            ("assistant", "turn 5"),
            ("user", "bye"),
        ]


async def test_instructions_are_of_one_turn_only() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a", instructions="SHOUT")
        await client.responses.create(input="b", previous_response_id=first.id)
        from .telling import Telling

        assert Telling.seen[-1].instructions == ()


async def test_a_response_is_retrieved_as_it_was_answered() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input="think", metadata={"a": "b"}, temperature=0.3)
        assert await client.responses.retrieve(made.id) == made
        async with client.responses.stream(model="telling", input="think") as stream:
            streamed = await stream.get_final_response()
        assert (await client.responses.retrieve(streamed.id)).output_text == streamed.output_text


async def test_what_is_deleted_is_gone_and_so_is_what_goes_on_from_it() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a")
        second = await client.responses.create(input="b", previous_response_id=first.id)
        await client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(first.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.delete(first.id)
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(input="c", previous_response_id=second.id)
        assert caught.value.code == "previous_response_not_found"
        assert caught.value.param == "previous_response_id"


async def test_what_is_not_to_be_stored_is_not() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input="a", store=False)
        assert made.store is False
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)


async def test_a_stack_without_a_store_says_that_it_knows_no_response() -> None:
    async with telling(store=None) as stack:
        client = stack.openai()
        made = await client.responses.create(input="a")
        assert made.store is False
        with pytest.raises(openai.BadRequestError, match="no response"):
            await client.responses.create(input="b", previous_response_id=made.id)
        with pytest.raises(openai.BadRequestError, match="name a `store`"):
            await client.conversations.create()


async def test_the_input_of_a_response_is_listed_in_pages() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a")
        second = await client.responses.create(
            input=[{"role": "user", "content": "b"}, {"role": "user", "content": "c"}],
            previous_response_id=first.id,
        )
        page = await client.responses.input_items.list(second.id, order="asc", limit=2)
        texts = [item.content[0].text async for item in page]
        assert texts == ["a", "turn 1", "b", "c"]
        assert page.has_more
        newest = await client.responses.input_items.list(second.id, limit=1)
        assert newest.data[0].content[0].text == "c"
        with pytest.raises(openai.BadRequestError, match="after: no item"):
            await client.responses.input_items.list(second.id, after="msg_x")


async def test_an_item_may_be_named_instead_of_repeated() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a")
        named = {"type": "item_reference", "id": first.output[0].id}
        await client.responses.create(input=[named, {"role": "user", "content": "b"}])
        assert told() == [("assistant", "turn 1"), ("user", "b")]
        with pytest.raises(openai.BadRequestError, match=r"input.0: no item 'msg_x'"):
            await client.responses.create(input=[{"type": "item_reference", "id": "msg_x"}])


async def test_tokens_of_a_whole_chain_are_counted() -> None:
    async with telling() as stack:
        client = stack.openai()
        with pytest.raises(openai.BadRequestError, match="no response 'resp_x'"):
            await client.responses.input_tokens.count(
                model="telling", input="b", previous_response_id="resp_x"
            )


async def test_nothing_is_cancelled_that_is_not_in_the_background() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input="a")
        with pytest.raises(openai.BadRequestError, match="background"):
            await client.responses.cancel(made.id)


async def test_tenants_do_not_see_one_another() -> None:
    async with telling(server={"api_keys": ["one", "two"]}) as stack:
        one = stack.openai()
        two = one.with_options(api_key="two")
        made = await one.responses.create(input="a")
        errors = []
        for id in (made.id, "resp_unknown"):
            with pytest.raises(openai.NotFoundError) as caught:
                await two.responses.retrieve(id)
            errors.append(str(caught.value).replace(id, "ID"))
        assert errors[0] == errors[1]
        assert (await one.responses.retrieve(made.id)).id == made.id


async def test_an_item_is_in_a_conversation_once() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a")
        named = {"type": "item_reference", "id": first.output[0].id}
        for again in (named, first.output[0].model_dump()):
            with pytest.raises(openai.BadRequestError, match="is in the conversation already") as e:
                await client.responses.create(input=[again], previous_response_id=first.id)
            assert e.value.param == "input.0"
        twice: Any = [{"id": "msg_x", "type": "message", "role": "user", "content": "a"}] * 2
        with pytest.raises(openai.BadRequestError, match=r"input\.1: item 'msg_x' is in the"):
            await client.responses.create(input=twice)
        await client.responses.create(input=twice, store=False)
        assert told() == [("user", "a"), ("user", "a")]


async def test_the_input_of_a_response_is_listed_whole_or_not_at_all() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create(items=[{"role": "user", "content": "before"}])
        made = await client.responses.create(input="a", conversation=talk.id)
        await client.conversations.delete(talk.id)
        with pytest.raises(openai.BadRequestError, match=f"{talk.id}, which it goes on from, is g"):
            await client.responses.input_items.list(made.id)
