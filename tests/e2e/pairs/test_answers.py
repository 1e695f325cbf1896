"""What clients see of every answer that an upstream gives: nine pairs, streamed and whole."""

from __future__ import annotations

from typing import Any

import pytest
from peer import Peer, transcripts
from peer.clients import Clients, async_connected
from peer.matching import differences

PLAYED = [
    (client, upstream, scenario)
    for client, upstream in transcripts.PAIRS
    for scenario in transcripts.scenarios(upstream)
]
HELLO: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello", "include": ["reasoning.encrypted_content"]},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@WAYS
@pytest.mark.parametrize(("client", "upstream", "scenario"), PLAYED)
def test_a_client_sees_what_the_upstream_said(
    peer: Peer, clients: Clients, client: str, upstream: str, scenario: str, stream: bool
) -> None:
    peer.play(transcripts.answer(upstream, scenario, stream))
    body = HELLO[client] | {"model": f"{upstream}/wire-model"}
    answer = clients.ask(client, body, stream)
    assert not differences(transcripts.seen(scenario, client, upstream), answer)
    assert peer.last.path == transcripts.PATHS[upstream]
    assert peer.last.document["model"] == "wire-model"
    assert bool(peer.last.document.get("stream")) is stream


@WAYS
@pytest.mark.parametrize(("client", "upstream", "scenario"), PLAYED)
async def test_an_asynchronous_client_sees_the_same(
    peer: Peer, asked: str, client: str, upstream: str, scenario: str, stream: bool
) -> None:
    peer.play(transcripts.answer(upstream, scenario, stream))
    body = HELLO[client] | {"model": f"{upstream}/wire-model"}
    async with async_connected(asked) as clients:
        answer = await clients.ask(client, body, stream)
    assert not differences(transcripts.seen(scenario, client, upstream), answer)


# What a protocol has no field for; all else that an upstream says is shown.
LOST = {
    ("responses", "messages", "refusal"): "dropped=stop_details; approximated=status",
    ("chat", "messages", "refusal"): "dropped=stop_details",
    ("responses", "messages", "stop_sequence"): "dropped=stop_sequence",
    ("responses", "chat", "stop_sequence"): "dropped=stop_sequence",
}


@pytest.mark.parametrize(("client", "upstream", "scenario"), PLAYED)
def test_what_is_lost_of_an_answer_is_told(
    peer: Peer, clients: Clients, client: str, upstream: str, scenario: str
) -> None:
    peer.play(transcripts.answer(upstream, scenario, False))
    headers = clients.headers(client, HELLO[client] | {"model": f"{upstream}/wire-model"})
    assert headers["x-stack-fidelity"] == LOST.get((client, upstream, scenario), "exact")


def test_a_chat_client_learns_the_stop_sequence_by_the_field_that_servers_share(
    peer: Peer, clients: Clients
) -> None:
    peer.play(transcripts.answer("messages", "stop_sequence", False))
    answer = clients.ask("chat", HELLO["chat"] | {"model": "messages/wire-model"}, False)
    assert answer["choices"][0]["stop_reason"] == "END"


@WAYS
@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_each_choice_of_a_chat_client_is_a_call_of_its_own_where_upstreams_have_none(
    peer: Peer, clients: Clients, upstream: str, stream: bool
) -> None:
    peer.play(*[transcripts.answer(upstream, "parallel_tools", stream)] * 2)
    answer = clients.ask("chat", HELLO["chat"] | {"model": f"to-{upstream}", "n": 2}, stream)
    seen = transcripts.seen("parallel_tools", "chat", upstream)["choices"][0]
    assert not differences([seen, seen | {"index": 1}], answer["choices"])
    assert answer["usage"]["prompt_tokens"] == 31
    assert answer["usage"]["completion_tokens"] == 18
    assert len(peer.requests) == 2
