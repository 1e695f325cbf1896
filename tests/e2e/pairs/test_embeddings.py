"""Embeddings through the openai SDK: passed through, asked for in Chat's protocol, or refused."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from peer import Peer, whole
from peer.clients import connected

from polystack.core import Stack

VECTORS = [[0.5, -1.25, 3.0], [0.0, 1.0, -0.5]]
# The indices are not in order, and a client may rely on them.
ANSWER = {
    "object": "list",
    "model": "wire-model",
    "data": [
        {"object": "embedding", "index": 1, "embedding": VECTORS[1]},
        {"object": "embedding", "index": 0, "embedding": VECTORS[0]},
    ],
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}


def test_where_the_upstream_speaks_chat_the_call_passes_through(peer: Peer, asked: str) -> None:
    peer.play(whole(ANSWER))
    with connected(asked) as clients:
        found = clients.gpt.embeddings.with_raw_response.create(
            model="to-chat", input=["one", "two"], encoding_format="float", dimensions=3
        )
    assert found.headers["x-stack-route"] == "native"
    assert [entry.index for entry in found.parse().data] == [1, 0]
    assert peer.last.path == "/v1/embeddings"
    assert peer.last.document == {
        "model": "wire-model",
        "input": ["one", "two"],
        "encoding_format": "float",
        "dimensions": 3,
    }


@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_where_it_does_not_there_are_none(peer: Peer, asked: str, upstream: str) -> None:
    with connected(asked) as clients, pytest.raises(openai.BadRequestError) as caught:
        clients.gpt.embeddings.create(model=f"to-{upstream}", input="one")
    assert "makes no embeddings" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"input": []}, "input"),
        ({"input": [[1, 2], ["x"]]}, "input"),
        ({"input": "x", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "x", "dimensions": 0}, "dimensions"),
        ({}, "input: field required"),
    ],
)
def test_what_is_no_request_is_refused_by_name(
    peer: Peer, asked: str, body: dict[str, Any], problem: str
) -> None:
    with connected(asked) as clients, pytest.raises(openai.BadRequestError, match=problem):
        clients.gpt.post(
            "/embeddings", body={"model": "messages/wire-model", **body}, cast_to=object
        )


async def test_a_provider_is_asked_for_what_another_protocol_wants(peer: Peer) -> None:
    from polystack.core import ir

    config = {"base_url": peer.url, "api_key": "k", "discover": False}
    here = {
        "version": 1,
        "name": "here",
        "apis": ["chat"],
        "providers": {"up": {"type": "openai", "config": config}},
    }
    peer.play(whole(ANSWER))
    async with Stack.load(here) as stack:
        target = await stack.target("up/wire-model")
        answer = await target.provider.embed(ir.EmbeddingRequest("wire-model", ("one", "two")))
    assert answer.vectors == tuple(map(tuple, VECTORS))
    assert answer.usage == ir.Usage(input=7)
    assert peer.last.document["encoding_format"] == "float"
