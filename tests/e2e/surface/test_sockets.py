"""Turns over a WebSocket: every kind of model, over HTTP. In process there is none to open."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

pytestmark = pytest.mark.engine


async def heard(connection: Any, **asked: Any) -> Any:
    """The answer to a message, whole."""
    await connection.response.create(**asked)
    numbers = []
    async for event in connection:
        assert event.type not in ("error", "response.failed"), event
        numbers.append(event.sequence_number)
        if event.type == "response.completed":
            assert numbers == list(range(len(numbers)))
            return event.response


@pytest.mark.parametrize("store", [True, False])
async def test_a_conversation_over_one_connection(url: str, model: str, store: bool) -> None:
    async with (
        AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client,
        client.responses.connect() as connection,
    ):
        asked = {"model": model, "store": store}
        first = await heard(connection, **asked, input="my name is Ada")
        second = await heard(
            connection, **asked, input="What is my name?", previous_response_id=first.id
        )
        assert second.output_text == "Your name is Ada."
        if store:
            assert (await client.responses.retrieve(second.id)).output == second.output
        else:
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(second.id)
