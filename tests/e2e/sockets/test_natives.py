"""Upstreams that speak Responses, which are asked over HTTP whatever their client speaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agent_model import PATHS
from peer import Answer, Drop, Peer, Received, streamed
from peer import refused as refusing

from .listening import answered, ended, heard, listening, say


def spoken(request: Received) -> Answer:
    """The number of the items that it was told, as a server of Responses says it."""
    given = request.document["input"]
    return streamed(written(f"told {len(given) if isinstance(given, list) else 1}"))


def written(text: str) -> bytes:
    _, events = PATHS["/v1/responses"](text, None)
    usage = events[-1]["response"]["usage"]
    usage["input_tokens_details"]["cache_write_tokens"] = 0  # which the SDK's types ask for
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    with Peer() as peer:
        peer.script = spoken
        yield peer


def upstream(peer: Peer) -> dict[str, Any]:
    config = {"base_url": peer.url, "api_key": "k", "native": ["responses"], "discover": False}
    return {
        "providers": {"up": {"type": "openai", "config": config}},
        "models": {"telling": {"provider": "up", "model": "wire-model"}},
    }


async def test_it_is_told_the_whole_conversation_and_keeps_nothing(peer: Peer) -> None:
    async with listening(**upstream(peer)) as stack, stack.open() as connection:
        first = await answered(connection, "hello", store=False)
        assert first["output"][0]["content"][0]["text"] == "told 1"
        second = await answered(connection, "more", store=False, previous_response_id=first["id"])
        assert second["output"][0]["content"][0]["text"] == "told 3"
    for request in peer.requests:
        assert "previous_response_id" not in request.document
        assert request.document["store"] is False
        assert request.document["stream"] is True
        assert "type" not in request.document


async def test_its_client_is_a_clients_and_its_beta_is_not(peer: Peer) -> None:
    beta = {"openai-beta": "responses_websockets=2026-02-06", "x-codex-turn-state": "s"}
    async with (
        listening(**upstream(peer)) as stack,
        stack.open(additional_headers=beta) as connection,
    ):
        await answered(connection, "hello")
    (request,) = peer.requests
    assert request.header("openai-beta") is None
    assert request.header("x-codex-turn-state") == "s"


async def test_a_prewarm_asks_it_nothing(peer: Peer) -> None:
    async with listening(**upstream(peer)) as stack, stack.open() as connection:
        warm = await answered(connection, "hello", store=False, generate=False)
        assert peer.requests == []
        await answered(connection, "go", store=False, previous_response_id=warm["id"])
    (request,) = peer.requests
    assert len(request.document["input"]) == 2


async def test_a_name_that_nobody_here_knows_may_be_one_of_its_own(peer: Peer) -> None:
    async with listening(**upstream(peer)) as stack, stack.open() as connection:
        response = await answered(connection, "more", previous_response_id="resp_theirs")
        assert response["id"] == "resp_1", "it passes through"
        assert peer.requests[-1].document["previous_response_id"] == "resp_theirs"
        peer.script = lambda _: refusing(
            400, "gone", code="previous_response_not_found", param="previous_response_id"
        )
        await say(connection, "more", previous_response_id="resp_gone")
        error = await heard(connection)
        assert (error["type"], error["status"]) == ("error", 400)
        assert error["error"]["code"] == "previous_response_not_found"


async def test_the_next_call_may_come_before_its_stream_is_closed(peer: Peer) -> None:
    peer.script = lambda _: streamed(written("slowly"), chunked=False, then=[0.2])
    async with listening(**upstream(peer)) as stack, stack.open() as connection:
        for _ in range(2):
            answer = await answered(connection, "hello", previous_response_id="resp_theirs")
            assert answer["status"] == "completed"


@pytest.mark.parametrize("more", [{}, {"previous_response_id": "resp_theirs"}])
async def test_where_it_breaks_off_the_answer_has_failed(peer: Peer, more: dict[str, str]) -> None:
    half = written("half").partition(b"event: response.output_item.done")[0]
    peer.script = lambda _: streamed(half, then=[Drop()])
    async with listening(**upstream(peer)) as stack, stack.open() as connection:
        await say(connection, "hello", **more)
        *_, last = await ended(connection)
        assert last["type"] == "response.failed"
        peer.script = spoken
        assert (await answered(connection, "hello"))["status"] == "completed"
