"""What clients see of every answer that an upstream gives: nine pairs, streamed and whole."""

from __future__ import annotations

from typing import Any

import pytest
from peer import Peer, transcripts
from peer.clients import Clients
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
