"""Which headers go through, both ways: the protocol's own, and nobody's credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest
from peer import Peer, transcripts
from peer.raw import post

SECRET = "client-secret"
# What clients send beside the protocol's own headers: their keys, their names, their state.
PRIVATE = {
    "authorization": f"Bearer {SECRET}",
    "x-api-key": SECRET,
    "cookie": f"session={SECRET}",
    "proxy-authorization": f"Basic {SECRET}",
    "openai-organization": SECRET,
    "openai-project": SECRET,
    "anthropic-workspace-id": SECRET,
    "anthropic-user-profile-id": SECRET,
    "x-claude-code-session-id": SECRET,
    "x-stainless-lang": SECRET,
    "x-forwarded-for": SECRET,
    "user-agent": SECRET,
    "idempotency-key": SECRET,
}
OWN = {
    "messages": {"anthropic-version": "2026-10-21", "anthropic-beta": "one-2026-01-01,two-x"},
    "responses": {"openai-beta": "responses=v9"},
    "chat": {"openai-beta": "assistants=v2"},
}
# What any HTTP client sends.
PLAIN = {"host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}
KEYS = {
    "messages": ("x-api-key", "upstream-key"),
    "responses": ("authorization", "Bearer upstream-key"),
    "chat": ("authorization", "Bearer upstream-key"),
}
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PAIRS = pytest.mark.parametrize(("client", "upstream"), transcripts.PAIRS)
HELLO: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}


def hello(client: str, upstream: str, stream: bool) -> bytes:
    body = HELLO[client] | {"model": f"to-{upstream}", "stream": stream}
    return json.dumps(body).encode()


@WAYS
@PAIRS
def test_an_upstream_gets_its_own_key_and_the_clients_nothing_private(
    peer: Peer, stack: str, client: str, upstream: str, stream: bool
) -> None:
    peer.play(transcripts.answer(upstream, "text", stream))
    body = hello(client, upstream, stream)
    reply = post(stack, transcripts.PATHS[client], body, PRIVATE | OWN[client])
    assert reply.status == 200, reply.body
    got = peer.last
    name, key = KEYS[upstream]
    assert got.header(name) == key
    protocols_own = set(OWN["messages"]) if upstream == "messages" else set(OWN[client])
    assert got.names <= PLAIN | {name} | protocols_own
    assert SECRET not in repr(got.headers)
    assert SECRET.encode() not in got.body


@WAYS
@pytest.mark.parametrize("api", transcripts.PROTOCOLS)
def test_betas_and_versions_arrive_as_the_client_wrote_them(
    peer: Peer, stack: str, api: str, stream: bool
) -> None:
    peer.play(transcripts.answer(api, "text", stream))
    post(stack, f"{transcripts.PATHS[api]}?beta=true", hello(api, api, stream), OWN[api])
    assert {name: peer.last.header(name) for name in OWN[api]} == OWN[api]
    assert peer.last.query == "beta=true"


@PAIRS
def test_a_protocols_headers_go_to_no_other_protocol(
    peer: Peer, stack: str, client: str, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "text", False))
    post(stack, transcripts.PATHS[client], hello(client, upstream, False), OWN[client])
    if client != upstream:
        assert not {"anthropic-beta", "openai-beta"} & peer.last.names
        version = "2023-06-01" if upstream == "messages" else None
        assert peer.last.header("anthropic-version") == version


@pytest.mark.parametrize("api", transcripts.PROTOCOLS)
def test_a_call_that_is_rewritten_keeps_its_betas_and_what_nobody_here_knows(
    peer: Peer, stack: str, api: str
) -> None:
    peer.play(transcripts.answer(api, "text", False))
    asked = HELLO[api] | {"model": f"to-{api}", "x_unknown": {"about": "pst1.seals"}}
    reply = post(stack, transcripts.PATHS[api], json.dumps(asked).encode(), PRIVATE | OWN[api])
    assert reply.headers["x-stack-route"] == "rewritten; seal"
    assert {name: peer.last.header(name) for name in OWN[api]} == OWN[api]
    assert SECRET not in repr(peer.last.headers)
    assert peer.last.document["x_unknown"] == {"about": "pst1.seals"}


# The answer's ------------------------------------------------------------------------------------

PUBLIC = {
    "retry-after": "3",
    "retry-after-ms": "2900",
    "x-should-retry": "false",
    "x-ratelimit-remaining-requests": "41",
    "x-ratelimit-reset-tokens": "6m0s",
    "x-request-id": "req_upstream",
}
KEPT: dict[str, dict[str, str]] = {
    "messages": PUBLIC
    | {
        "request-id": "req_up",
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-tokens-reset": "2026-11-21T00:00:00Z",
    },
    "responses": PUBLIC | {"openai-processing-ms": "12", "openai-version": "2020-10-01"},
    "chat": PUBLIC | {"openai-processing-ms": "12", "openai-version": "2020-10-01"},
}
DROPPED = {
    "set-cookie": "__cf_bm=upstream",
    "server": "upstream-server",
    "via": "1.1 upstream",
    "openai-organization": "org-upstream",
    "anthropic-organization-id": "org-upstream",
    "cf-ray": "upstream",
    "access-control-allow-origin": "https://upstream.example",
    "alt-svc": "upstream",
    "strict-transport-security": "upstream",
}


@WAYS
@pytest.mark.parametrize("api", transcripts.PROTOCOLS)
def test_the_answers_headers_pass_by_an_allow_list(
    peer: Peer, stack: str, api: str, stream: bool
) -> None:
    played = transcripts.answer(api, "text", stream, headers=KEPT[api] | DROPPED)
    peer.play(played)
    reply = post(stack, transcripts.PATHS[api], hello(api, api, stream))
    assert {name: reply.headers.get(name) for name in KEPT[api]} == KEPT[api]
    assert "upstream" not in repr({**reply.headers, "x-request-id": ""})
    assert "set-cookie" not in reply.headers


@WAYS
@PAIRS
def test_a_translated_answer_shows_nothing_of_the_upstreams_own_headers(
    peer: Peer, stack: str, client: str, upstream: str, stream: bool
) -> None:
    peer.play(transcripts.answer(upstream, "text", stream, headers=DROPPED))
    reply = post(stack, transcripts.PATHS[client], hello(client, upstream, stream))
    assert reply.status == 200
    assert "upstream" not in repr(reply.headers)
    assert not {"set-cookie", "cf-ray", "via", "alt-svc"} & reply.headers.keys()
