"""What is tried again here before anything was shown, and what the client is told where in vain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fault_plays as plays
import pytest
from fault_calls import ASKED, distribution
from peer import Answer, Drop, Peer, raw, transcripts
from peer.raw import Reply
from serving import serving


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def stack(upstream: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One for each test, since tries are a share of what a stack was asked."""
    source: Path = tmp_path_factory.mktemp("retries") / "retries.yaml"
    source.write_text(distribution(upstream.url, retries=1))
    with serving(source) as url:
        yield url
    upstream.forget()


def ask(url: str, client: str, protocol: str) -> Reply:
    body = json.dumps(ASKED[client] | {"model": f"{protocol}/m", "stream": True}).encode()
    return raw.post(url, transcripts.PATHS[client], body, {"anthropic-version": "2023-06-01"})


def test_what_fails_once_before_its_first_byte_is_no_failure(stack: str, upstream: Peer) -> None:
    for client, protocol in transcripts.PAIRS:
        failures = {
            "messages": Answer((Drop(),)),
            "responses": plays.error(503)(protocol, True),
            "chat": plays.error(500)(protocol, True),
        }
        upstream.play(failures[client], plays.good(protocol, True))
        reply = ask(stack, client, protocol)
        assert (reply.status, "öln".encode() in reply.body) == (200, True)


def test_what_fails_again_is_not_to_be_tried_three_times_more(stack: str, upstream: Peer) -> None:
    for client, protocol in transcripts.PAIRS:
        before = len(upstream.requests)
        upstream.play(*[plays.error(503)(protocol, True)] * 2)
        reply = ask(stack, client, protocol)
        assert reply.status == (529 if client == "messages" != protocol else 503)
        assert reply.headers["x-should-retry"] == "false"
        assert len(upstream.requests) - before == 2


@pytest.mark.parametrize("status", [400, 404, 413, 429])
def test_what_the_client_must_mend_or_wait_for_is_asked_once(
    status: int, stack: str, upstream: Peer
) -> None:
    for client, protocol in transcripts.PAIRS:
        before = len(upstream.requests)
        upstream.play(plays.error(status)(protocol, True))
        reply = ask(stack, client, protocol)
        assert reply.status == status
        assert "x-should-retry" not in reply.headers
        assert len(upstream.requests) - before == 1


def test_nothing_is_tried_again_once_something_was_shown(stack: str, upstream: Peer) -> None:
    for client, protocol in transcripts.PAIRS:
        before = len(upstream.requests)
        upstream.play(plays.then(Drop())(protocol, True))
        reply = ask(stack, client, protocol)
        assert reply.status in (200, 502)
        assert len(upstream.requests) - before == 1
