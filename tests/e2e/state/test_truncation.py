"""`truncation: auto`: a conversation that is too long goes on without its beginning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import openai
import pytest

from polystack.core import Stack, ir
from polystack.core.canon.errors import ContextOverflow
from polystack.core.contract.provider import Prepared, TokenCount

from .telling import DISTRIBUTION, ON_ONE_STORE, Telling, told

pytestmark = ON_ONE_STORE

CONTEXT = 100


class Narrow(Telling):
    """Counts a token for each word, and takes 100 of them."""

    type: ClassVar[str] = "narrow"

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        turns = (ir.text_of(turn.parts) for turn in request.conversation())
        return TokenCount(sum(len(text.split()) for text in turns))

    async def prepare(self, request: ir.Request) -> Prepared:
        count = (await self.count_tokens(request)).input
        if count > CONTEXT:
            raise ContextOverflow(count, CONTEXT)
        return await super().prepare(request)


@asynccontextmanager
async def narrow(**changes: Any) -> AsyncIterator[Any]:
    Telling.seen.clear()
    providers = {"providers": {"telling": {"type": "narrow"}}}
    async with Stack.load(DISTRIBUTION | providers | changes, providers=[Narrow]) as stack:
        yield stack


def said(role: str, name: str, words: int) -> dict[str, Any]:
    return {"role": role, "content": " ".join([name, *["word"] * (words - 1)])}


LONG: list[Any] = [
    said("system", "rules", 10),
    said("user", "first", 40),
    said("assistant", "second", 10),
    said("user", "third", 30),
    {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "seen " * 10},
    said("assistant", "fourth", 10),
    said("user", "fifth", 20),
]


def heard() -> list[str]:
    return [text.split("(")[0].removeprefix("-> ").split()[0] for _, text in told()]


async def test_the_oldest_exchanges_go_until_there_is_room_for_an_answer() -> None:
    async with narrow() as stack:
        client = stack.openai()
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(input=LONG)
        assert caught.value.code == "context_length_exceeded"
        raw = await client.responses.with_raw_response.create(
            input=LONG, truncation="auto", max_output_tokens=20
        )
        assert heard() == ["rules", "third", "look", "seen", "fourth", "fifth"]
        assert raw.parse().truncation == "auto"
        assert "dropped" in raw.headers["x-stack-fidelity"]
        assert "input.1" in raw.headers["x-stack-fidelity"]
        await client.responses.create(input=LONG, truncation="auto", max_output_tokens=25)
        assert heard() == ["rules", "fifth"]


async def test_nothing_goes_that_fits() -> None:
    async with narrow() as stack:
        raw = await stack.openai().responses.with_raw_response.create(
            input=LONG[4:], truncation="auto"
        )
        assert heard() == ["look", "seen", "fourth", "fifth"]
        assert raw.headers["x-stack-fidelity"] == "exact"


async def test_what_the_user_said_last_is_never_left_out() -> None:
    async with narrow() as stack:
        last = [said("system", "rules", 30), said("user", "a", 5), said("user", "last", 90)]
        with pytest.raises(openai.BadRequestError) as caught:
            await stack.openai().responses.create(input=last, truncation="auto")
        assert caught.value.code == "context_length_exceeded"


async def test_a_chain_may_become_longer_than_the_context() -> None:
    async with narrow() as stack:
        client, previous = stack.openai(), None
        for turn in range(6):
            made = await client.responses.create(
                input=[said("user", f"turn-{turn}", 30)],
                previous_response_id=previous,
                truncation="auto",
            )
            previous = made.id
        assert heard()[-1] == "turn-5"
        assert "turn-0" not in heard()
        items = [item async for item in client.responses.input_items.list(previous, order="asc")]
        assert items[0].content[0].text.startswith("turn-0")


async def test_a_strict_route_refuses_to_lose_a_beginning() -> None:
    async with narrow(fidelity="strict") as stack:
        with pytest.raises(openai.BadRequestError, match="do not fit into the model's context"):
            await stack.openai().responses.create(input=LONG, truncation="auto")


async def test_an_engine_counts_its_own_tokens() -> None:
    changes = {"providers.tiny.config.context": 512}
    async with Stack.load("starter", overrides=[f"{k}={v}" for k, v in changes.items()]) as stack:
        client = stack.openai()
        turns: Any = [said("user", f"turn-{n}", 60) for n in range(20)]
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(model="tiny", input=turns, max_output_tokens=8)
        assert caught.value.code == "context_length_exceeded"
        made = await client.responses.create(
            model="tiny", input=turns, max_output_tokens=8, truncation="auto"
        )
        assert made.usage is not None
        assert 300 < made.usage.input_tokens < 512 - 8
