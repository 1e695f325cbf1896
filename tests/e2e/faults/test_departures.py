"""A client that goes away, at each stage of its call: the upstream's connection goes with it.

Nothing is left running then, and the stack goes on, on another connection.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import fault_plays as plays
import pytest
from fault_calls import ASKED, distribution, until_idle
from fault_plays import Play
from peer import Answer, Hang, Peer, raw, streamed, transcripts
from serving import serving

WORDS = "Grüße aus K".encode()
PATIENCE = 30  # seconds; where a departure is not noticed, it never is
MUCH = 600  # deltas of 64 KiB, more than fits between an upstream and a client


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def stack(upstream: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source: Path = tmp_path_factory.mktemp("departures") / "departures.yaml"
    source.write_text(distribution(upstream.url))
    with serving(source) as url:
        yield url


def sent(url: str, client: str, upstream: str, stream: bool) -> HTTPConnection:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    body = ASKED[client] | {"model": f"{upstream}/m", "stream": stream}
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    connection.request("POST", transcripts.PATHS[client], json.dumps(body), headers)
    return connection


Stage = Callable[[HTTPConnection, Peer], None]


def asked(connection: HTTPConnection, upstream: Peer) -> None:
    """The upstream has the request."""
    while not upstream.requests:
        time.sleep(0.002)
    time.sleep(0.02)  # and the stack what it answers to it, though nobody can tell


def reading(connection: HTTPConnection, upstream: Peer) -> None:
    """The client has the first words."""
    reply = connection.getresponse()
    seen = b""
    while WORDS not in seen:
        piece = reply.read1()
        assert piece, seen
        seen += piece
    reply.close()


def stuck(connection: HTTPConnection, upstream: Peer) -> None:
    """The client reads nothing, and the answer is more than fits in between."""
    asked(connection, upstream)
    assert connection.sock.recv(1, socket.MSG_PEEK)
    time.sleep(0.1)


def endless(upstream: str, stream: bool) -> Answer:
    """A stream that does not end as long as somebody reads it."""
    delta = plays.blocks(upstream)[{"messages": 3, "responses": 4, "chat": 1}[upstream]]
    more = delta.replace(WORDS, b"x" * (1 << 16))
    chunk = b"%x\r\n%b\r\n" % (len(more), more)
    return streamed(plays.begun(upstream), then=[*[chunk] * MUCH, Hang()])


STAGES: dict[str, tuple[bool, Play, Stage]] = {
    "before the head of a stream": (True, plays.raw(Hang()), asked),
    "before the head of an answer": (False, plays.raw(Hang()), asked),
    "before the first event": (True, plays.silent(Hang()), asked),
    "in the middle of a stream": (True, plays.then(Hang()), reading),
    "while it reads nothing": (True, endless, stuck),
    "in the middle of an answer": (False, plays.half_then(Hang()), asked),
}


@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_leaves_takes_the_upstream_along(
    stage: str, client: str, protocol: str, stack: str, upstream: Peer
) -> None:
    stream, play, reached = STAGES[stage]
    upstream.play(play(protocol, stream))
    connection = sent(stack, client, protocol, stream)
    reached(connection, upstream)
    connection.close()
    assert upstream.saw_departure(PATIENCE)
    until_idle(stack)
    upstream.forget()
    works(stack, client, protocol, upstream)


def works(stack: str, client: str, protocol: str, upstream: Peer) -> None:
    upstream.play(plays.good(protocol, False))
    body = json.dumps(ASKED[client] | {"model": f"{protocol}/m"}).encode()
    reply = raw.post(stack, transcripts.PATHS[client], body, {"anthropic-version": "2023-06-01"})
    assert reply.status == 200
    assert "Köln" in json.dumps(json.loads(reply.body), ensure_ascii=False)
    upstream.forget()
