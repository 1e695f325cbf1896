"""An upstream that says no before its answer begins: the status goes on, in the client's words."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest
from peer import Peer, refused, transcripts, whole
from peer.clients import Clients
from peer.raw import post

WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PAIRS = pytest.mark.parametrize(("client", "upstream"), transcripts.PAIRS)
HELLO: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}
# What each kind of upstream says when its limit is reached.
LIMITED: dict[str, dict[str, Any]] = {
    "messages": {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Too many tokens a minute."},
        "request_id": "req_up",
    },
    "responses": {
        "error": {
            "message": "Too many tokens a minute.",
            "type": "tokens",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    },
    "chat": {
        "error": {
            "message": "Too many tokens a minute.",
            "type": "tokens",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    },
}
KINDS = {
    "messages": "rate_limit_error",
    "responses": "rate_limit_error",
    "chat": "rate_limit_error",
}
ERRORS = (anthropic.APIStatusError, openai.APIStatusError)


def hello(client: str, upstream: str) -> dict[str, Any]:
    return HELLO[client] | {"model": f"{upstream}/wire-model"}


def refusal(clients: Clients, client: str, upstream: str, stream: bool) -> Any:
    """The exception that the client's SDK raises."""
    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError)) as caught:
        clients.ask(client, hello(client, upstream), stream)
    return caught.value


@WAYS
@PAIRS
def test_a_429_keeps_its_status_and_its_retry_after(
    peer: Peer, clients: Clients, client: str, upstream: str, stream: bool
) -> None:
    peer.play(whole(LIMITED[upstream], 429, {"retry-after": "7"}))
    error = refusal(clients, client, upstream, stream)
    assert isinstance(error, anthropic.RateLimitError | openai.RateLimitError)
    assert error.response.headers["retry-after"] == "7"
    assert "Too many tokens a minute." in error.message
    assert len(peer.requests) == 1


@WAYS
@PAIRS
def test_a_429_speaks_the_clients_protocol(
    peer: Peer, stack: str, client: str, upstream: str, stream: bool
) -> None:
    peer.play(whole(LIMITED[upstream], 429, {"retry-after": "7"}))
    body = hello(client, upstream) | {"stream": stream}
    reply = post(stack, transcripts.PATHS[client], json.dumps(body).encode())
    envelope = json.loads(reply.body)
    assert reply.headers["content-type"].startswith("application/json")
    if client == upstream:
        assert envelope == LIMITED[upstream]
    elif client == "messages":
        assert (envelope["type"], envelope["error"]["type"]) == ("error", "rate_limit_error")
    else:
        assert envelope["error"].keys() == {"message", "type", "param", "code"}
        assert envelope["error"]["type"] == "rate_limit_error"


@WAYS
@PAIRS
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_no_fault_of_the_clients(
    peer: Peer, clients: Clients, client: str, upstream: str, stream: bool, status: int
) -> None:
    peer.play(refused(status, "Incorrect API key provided: upstream-key."))
    error = refusal(clients, client, upstream, stream)
    assert error.status_code == 502
    assert "upstream-key" not in error.response.text
    assert "credentials" in error.message


@WAYS
@PAIRS
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_the_upstream_refuses_is_the_clients_to_mend(
    peer: Peer, clients: Clients, client: str, upstream: str, stream: bool, status: int
) -> None:
    peer.play(refused(status, "tools.0.name: too long"))
    error = refusal(clients, client, upstream, stream)
    translated = {422: 400}  # which the clients' own servers do not say
    assert error.status_code == (status if client == upstream else translated.get(status, status))
    assert "tools.0.name: too long" in error.message
