"""What an upstream gets of what a client asks, field by field, and what the ledger says is lost."""

from __future__ import annotations

from typing import Any

import pytest
from peer import Peer, transcripts
from peer.clients import Clients

ASKED = [
    (case, client, upstream)
    for case in transcripts.cases()
    for client, upstream in transcripts.PAIRS
]

# Everything that an upstream cannot be told, in the client's own words; the rest is exact.
LOSSES = {
    ("plain", "messages", "responses"): "dropped=stop_sequences",
    ("plain", "responses", "messages"): "dropped=metadata",
    ("plain", "chat", "messages"): "dropped=presence_penalty,frequency_penalty,seed",
    ("plain", "chat", "responses"): "dropped=stop",
    ("tools", "messages", "responses"): (
        "dropped=tools.0.cache_control; approximated=messages.2.content.0.is_error"
    ),
    ("tools", "messages", "chat"): (
        "dropped=tools.0.cache_control; approximated=messages.2.content.0.is_error"
    ),
    ("images", "messages", "chat"): "approximated=messages.2.content.0.content.1",
    ("images", "responses", "messages"): "dropped=input.0.content.1.detail",
    ("images", "responses", "chat"): "approximated=input.2.output.1",
    ("images", "chat", "messages"): "dropped=messages.0.content.1.detail",
    ("structured", "responses", "messages"): (
        "dropped=text.verbosity; approximated=text.format.name"
    ),
    ("structured", "responses", "chat"): "dropped=text.verbosity",
    ("structured", "chat", "messages"): (
        "approximated=response_format.json_schema.name,response_format.json_schema.description"
    ),
    ("thinking", "messages", "responses"): (
        "dropped=messages.*.content.*(2); approximated=thinking.budget_tokens"
    ),
    ("thinking", "messages", "chat"): (
        "dropped=messages.1.content.0.signature,messages.1.content.1; "
        "approximated=thinking.budget_tokens"
    ),
    ("thinking", "responses", "messages"): "dropped=input.1",
    ("thinking", "responses", "chat"): (
        "dropped=input.1.encrypted_content; approximated=reasoning.summary"
    ),
    ("thinking", "chat", "messages"): "dropped=messages.1.reasoning_content",
    ("thinking", "chat", "responses"): "dropped=messages.1.reasoning_content",
}


def asked(case: str, client: str, upstream: str) -> dict[str, Any]:
    return transcripts.question(case, client) | {"model": f"{upstream}/wire-model"}


@pytest.mark.parametrize(("case", "client", "upstream"), ASKED)
def test_the_upstream_gets_the_request_that_was_written_for_it(
    peer: Peer, clients: Clients, case: str, client: str, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "text", False))
    headers = clients.headers(client, asked(case, client, upstream))
    expected = transcripts.expected(case, client, upstream) | {"model": "wire-model"}
    assert peer.last.document == expected
    assert headers["x-stack-route"] == ("native" if client == upstream else "translated")
    assert headers["x-stack-fidelity"] == LOSSES.get((case, client, upstream), "exact")


@pytest.mark.parametrize(("case", "client", "upstream"), ASKED)
def test_a_streamed_call_asks_the_same_and_for_the_usage(
    peer: Peer, clients: Clients, case: str, client: str, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "text", True))
    clients.ask(client, asked(case, client, upstream), True)
    streaming: dict[str, Any] = {"model": "wire-model", "stream": True}
    if upstream == "chat":
        streaming["stream_options"] = {"include_usage": True}
    assert peer.last.document == transcripts.expected(case, client, upstream) | streaming
    assert peer.last.header("accept") == ("text/event-stream")
