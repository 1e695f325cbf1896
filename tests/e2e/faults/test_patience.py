"""An upstream that thinks for long: signs of life go out in every pair, before a client leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from peer import Hang, Peer, transcripts
from peer.answers import Answer
from serving import serving

DISTRIBUTION = """\
version: 1
name: patience
apis: [messages, responses, chat]
server: {{first_event_timeout: 0.05, keep_alive: 60}}
providers:
  messages: {{type: anthropic, config: {{base_url: "{url}", discover: false}}}}
  responses: {{type: openai, config: {{base_url: "{url}", native: [responses], discover: false}}}}
  chat: {{type: openai, config: {{base_url: "{url}", discover: false}}}}
"""
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def stack(upstream: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source: Path = tmp_path_factory.mktemp("patience") / "patience.yaml"
    source.write_text(DISTRIBUTION.format(url=upstream.url))
    with serving(source) as url:
        yield url


@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
def test_the_first_sign_of_life_comes_with_the_head(
    client: str, protocol: str, stack: str, upstream: Peer
) -> None:
    upstream.play(Answer((HEAD, Hang())))
    address = urlsplit(stack)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    body = ASKED[client] | {"model": f"{protocol}/m", "stream": True}
    connection.request(
        "POST",
        transcripts.PATHS[client],
        json.dumps(body),
        {"content-type": "application/json", "anthropic-version": "2023-06-01"},
    )
    reply = connection.getresponse()
    assert reply.status == 200
    sign = reply.read1()  # the next one would come after a minute
    signs = {"messages": b"event: ping", "responses": b"", "chat": b": "}
    assert sign.startswith(signs[client])
    assert sign.endswith(b"\n\n")
    reply.close()
    connection.close()
    assert upstream.saw_departure(30)
    upstream.forget()
