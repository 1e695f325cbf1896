"""One peer that plays upstreams of all three protocols, and one stack between it and the SDKs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from facing import Face
from peer import Peer
from peer.clients import Clients, connected
from serving import serving

# A provider for each protocol, with a model under its own name and one behind an alias.
DISTRIBUTION = """\
version: 1
name: pairs
apis: [messages, responses, chat]
seals: {{key: "a key that is long enough for seals"}}
providers:
  messages:
    type: anthropic
    config: {{base_url: "{url}", api_key: upstream-key, discover: false, retries: 0}}
  responses:
    type: openai
    config:
      {{base_url: "{url}", api_key: upstream-key, native: [responses], discover: false, retries: 0}}
  chat:
    type: openai
    config: {{base_url: "{url}", api_key: upstream-key, discover: false, retries: 0}}
models:
  wire-messages: {{provider: messages}}
  wire-responses: {{provider: responses}}
  wire-chat: {{provider: chat}}
aliases:
  to-messages: messages/wire-model
  to-responses: responses/wire-model
  to-chat: chat/wire-model
"""


@pytest.fixture(scope="session")
def upstreams() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def peer(upstreams: Peer) -> Iterator[Peer]:
    upstreams.forget()
    yield upstreams
    upstreams.forget()


@pytest.fixture(scope="session")
def distribution(upstreams: Peer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source: Path = tmp_path_factory.mktemp("pairs") / "pairs.yaml"
    source.write_text(DISTRIBUTION.format(url=upstreams.url))
    return source


@pytest.fixture(scope="session")
def stack(distribution: Path) -> Iterator[str]:
    """A server, for those who send and read bytes."""
    with serving(distribution) as url:
        yield url


@pytest.fixture(scope="session")
def asked(distribution: Path, face: Face) -> Iterator[str]:
    """The URL of a stack, for the SDKs."""
    with face(distribution) as url:
        yield url


@pytest.fixture(scope="session")
def clients(asked: str) -> Iterator[Clients]:
    with connected(asked) as clients:
        yield clients
