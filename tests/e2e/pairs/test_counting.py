"""Counting tokens: by the upstream's own endpoint where it has one, else a marked estimate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from peer import Peer, refused, transcripts, whole
from peer.clients import Clients
from peer.raw import Reply, post

COUNTS = {"messages": "/v1/messages/count_tokens", "responses": "/v1/responses/input_tokens"}
PAIRS = [(client, upstream) for client in COUNTS for upstream in transcripts.PROTOCOLS]
ASKED: dict[str, dict[str, Any]] = {
    "messages": {
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "How many tokens are these?"}],
        "tools": [{"name": "light", "input_schema": {"type": "object", "properties": {}}}],
    },
    "responses": {
        "instructions": "Be brief.",
        "input": "How many tokens are these?",
        "tools": [
            {
                "type": "function",
                "name": "light",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            }
        ],
    },
}
COUNTED: dict[str, dict[str, Any]] = {
    "messages": {"input_tokens": 42},
    "responses": {"input_tokens": 42, "object": "response.input_tokens"},
}
ITEMS = [{"type": "message", "role": "user", "content": "How many tokens are these?"}]


def counted(stack: str, client: str, upstream: str) -> Reply:
    body = ASKED[client] | {"model": f"to-{upstream}"}
    return post(stack, COUNTS[client], json.dumps(body).encode())


@pytest.mark.parametrize("client", COUNTS)
@pytest.mark.parametrize("upstream", COUNTS)
def test_the_upstream_counts(peer: Peer, stack: str, client: str, upstream: str) -> None:
    peer.play(whole(COUNTED[upstream]))
    reply = counted(stack, client, upstream)
    assert json.loads(reply.body)["input_tokens"] == 42
    assert (peer.last.method, peer.last.path) == ("POST", COUNTS[upstream])
    expected = ASKED[upstream] | {"model": "wire-model"}
    if client != upstream:
        expected |= {"input": ITEMS} if upstream == "responses" else {}
        assert reply.headers["x-stack-token-count"] == "exact"
    assert peer.last.document == expected


@pytest.mark.parametrize("client", COUNTS)
def test_where_the_upstream_cannot_count_the_number_is_a_marked_estimate(
    peer: Peer, stack: str, client: str
) -> None:
    reply = counted(stack, client, "chat")
    assert reply.headers["x-stack-token-count"] == "estimated"
    assert 5 <= json.loads(reply.body)["input_tokens"] <= 100
    assert not peer.requests


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[1] != "chat"])
def test_an_upstream_without_the_endpoint_costs_an_estimate_and_no_failure(
    peer: Peer, stack: str, client: str, upstream: str
) -> None:
    peer.play(refused(404, "no such path"))
    reply = counted(stack, client, upstream)
    assert reply.status == 200
    assert reply.headers["x-stack-token-count"] == "estimated"
    assert 5 <= json.loads(reply.body)["input_tokens"] <= 100


@pytest.mark.parametrize("upstream", transcripts.PROTOCOLS)
def test_the_sdk_reads_the_count(peer: Peer, clients: Clients, upstream: str) -> None:
    if upstream in COUNTS:
        peer.play(whole(COUNTED[upstream]))
    asked: Any = ASKED["messages"] | {"model": f"to-{upstream}"}
    assert clients.claude.messages.count_tokens(**asked).input_tokens > 0
