"""A server that is not there, and a client that goes away: nobody waits, nothing is left over."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from peer import Hang, Peer, streamed, transcripts
from peer.answers import Answer
from serving import serving

DISTRIBUTION = """\
version: 1
name: absent
apis: [messages, responses, chat]
providers:
  messages: {{type: anthropic, config: {{base_url: "{url}", discover: false}}}}
  responses: {{type: openai, config: {{base_url: "{url}", native: [responses], discover: false}}}}
  chat: {{type: openai, config: {{base_url: "{url}", discover: false}}}}
  gone: {{type: openai, config: {{base_url: "http://127.0.0.1:{closed}/v1", native: [{all}]}}}}
"""
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def stack(upstream: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as nobody:  # bound, and nobody listens
        nobody.bind(("127.0.0.1", 0))
        source: Path = tmp_path_factory.mktemp("absent") / "absent.yaml"
        source.write_text(
            DISTRIBUTION.format(
                url=upstream.url,
                closed=nobody.getsockname()[1],
                all="messages, responses, chat",
            )
        )
        with serving(source) as url:
            yield url


def post(url: str, client: str, model: str, stream: bool) -> HTTPConnection:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    body = ASKED[client] | {"model": model, "stream": stream}
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    connection.request("POST", transcripts.PATHS[client], json.dumps(body), headers)
    return connection


def running(url: str) -> int:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request("GET", "/health")
    health = json.loads(connection.getresponse().read())
    connection.close()
    return sum(provider["running"] for provider in health["providers"].values())


def until_idle(url: str) -> None:
    deadline = time.monotonic() + 30
    while running(url) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running(url) == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", ASKED)
def test_a_server_that_refuses_the_connection_is_a_502_that_says_so(
    client: str, stream: bool, stack: str
) -> None:
    connection = post(stack, client, "gone/any", stream)
    reply = connection.getresponse()
    body = reply.read().decode()
    assert reply.status == 502
    assert "refused the connection" in body
    assert "127.0.0.1" not in body
    connection.close()


def begun(protocol: str) -> Answer:
    """A stream that goes as far as its first words."""
    blocks = transcripts.stream(protocol, "text").split(b"\n\n")
    count = {"messages": 4, "responses": 5, "chat": 2}[protocol]
    return streamed(b"".join(block + b"\n\n" for block in blocks[:count]), then=[Hang()])


@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
def test_a_client_that_leaves_before_the_first_byte_takes_the_upstream_along(
    client: str, protocol: str, stack: str, upstream: Peer
) -> None:
    for stream in (True, False):
        upstream.play(Answer((Hang(),)))
        connection = post(stack, client, f"{protocol}/m", stream)
        while not upstream.requests:
            time.sleep(0.005)
        connection.close()
        assert upstream.saw_departure(30)
        upstream.forget()
    until_idle(stack)


@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
def test_a_client_that_leaves_in_mid_stream_takes_the_upstream_along(
    client: str, protocol: str, stack: str, upstream: Peer
) -> None:
    upstream.play(begun(protocol))
    connection = post(stack, client, f"{protocol}/m", True)
    reply = connection.getresponse()
    while "Grüße".encode() not in (piece := reply.read1()):
        assert piece
    reply.close()
    connection.close()
    assert upstream.saw_departure(30)
    upstream.forget()
    until_idle(stack)
    # The stack goes on, and on another connection.
    upstream.play(transcripts.answer(protocol, "text", False))
    connection = post(stack, client, f"{protocol}/m", False)
    reply = connection.getresponse()
    assert (reply.status, bool(reply.read())) == (200, True)
    connection.close()
    upstream.forget()
