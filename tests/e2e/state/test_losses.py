"""What an answer lost is told where it has no headers: in the background, and over a WebSocket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polystack.core import ir
from polystack.core.contract.losses import Loss
from polystack.core.contract.provider import Prepared, Provider

from ..sockets.listening import answered, listening
from .telling import ON_ONE_STORE, Telling
from .test_background import ended, working

pytestmark = ON_ONE_STORE


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> str:
    """How it is told that the provider leaves a tool out."""

    async def prepare(self: Telling, request: ir.Request) -> Prepared:
        ready = await Provider.prepare(self, request)
        return replace(ready, losses=(Loss("tools.0", "dropped", "nobody runs it"),))

    monkeypatch.setattr(Telling, "prepare", prepare)
    return "dropped=tools.0"


async def test_a_response_in_the_background_tells_what_it_lost(lost: str) -> None:
    async with working() as at:
        made = await at.client.responses.create(input="a", background=True)
        kept = await ended(at.client, made.id)
        assert kept.status == "completed"
        assert kept.x_stack_fidelity == lost


async def test_so_does_the_end_of_its_stream(lost: str) -> None:
    async with working() as at:
        made = await at.client.responses.create(input="a", background=True, stream=True)
        last = [event async for event in made][-1]
        assert last.type == "response.completed"
        assert last.response.x_stack_fidelity == lost


async def test_so_does_the_last_message_over_a_websocket(lost: str) -> None:
    async with listening() as stack, stack.open() as connection:
        response = await answered(connection, "a")
        assert response["status"] == "completed"
        assert response["x_stack_fidelity"] == lost


async def test_an_answer_that_lost_nothing_does_not_speak_of_it() -> None:
    async with listening() as stack, stack.open() as connection:
        assert "x_stack_fidelity" not in await answered(connection, "a")
    async with working() as at:
        made = await at.client.responses.create(input="a", background=True)
        kept = await ended(at.client, made.id)
        assert "x_stack_fidelity" not in kept.model_dump()
