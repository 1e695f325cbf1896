"""When an answer began and when it was complete; what is kept says the same as what is shown."""

from __future__ import annotations

import pytest

from .telling import Telling
from .test_background import FACES, ended, working


@FACES
async def test_an_answer_says_when_it_was_complete(over: str) -> None:
    async with working(over) as at:  # whose clock stands still in the past when answers begin
        client = at.client
        whole = await client.responses.create(input="a")
        async with client.responses.stream(model="telling", input="a") as stream:
            streamed = await stream.get_final_response()
        for made in (whole, streamed):
            assert made.created_at == at.clock.now()
            assert made.completed_at > made.created_at
            kept = await client.responses.retrieve(made.id)
            assert kept.completed_at == made.completed_at


@pytest.mark.parametrize("streamed", [False, True])
async def test_so_does_one_in_the_background(streamed: bool) -> None:
    async with working() as at:
        client = at.client
        asked = {"input": "wait", "background": True}
        if streamed:
            made = await client.responses.create(**asked, stream=True)
            first = (await anext(aiter(made))).response
        else:
            first = await client.responses.create(**asked)
        assert first.completed_at is None
        Telling.gate.set()
        kept = await ended(client, first.id)
        assert kept.completed_at > kept.created_at == first.created_at
        if streamed:
            last = [event async for event in made][-1]
            assert last.response.completed_at == kept.completed_at
