"""Coding agents as people run them, on a stack whose upstreams are a peer on the loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from peer import Peer
from serving import serving
from tapping import tapped

from .codexing import Agent

INSTALLED = Path(__file__).parents[2] / ".agents" / "node_modules"
CLAUDE = INSTALLED / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
CODEX = INSTALLED / "@openai" / "codex-linux-x64" / "vendor"

STACK = """\
version: 1
name: agents
apis: [messages, responses, chat]
providers:
  messages: {{type: anthropic, config: {{base_url: "{url}", api_key: k, discover: false}}}}
  responses:
    type: openai
    config: {{base_url: "{url}", api_key: k, native: [responses], discover: false}}
  chat: {{type: openai, config: {{base_url: "{url}", api_key: k, discover: false}}}}
models:
  wire-model: {{provider: messages}}
  on-messages: {{provider: messages, model: wire-model}}
  on-responses: {{provider: responses, model: wire-model}}
  on-chat: {{provider: chat, model: wire-model}}
"""

SCRIPTED = """\
version: 1
name: scripted
apis: [responses]
providers: {{script: {{type: scripted, config: {{script: "{script}"}}}}}}
"""


def _installed(binary: Path) -> Path:
    if not binary.exists():
        message = f"{binary.name} is not installed; run scripts/agents"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return binary


@pytest.fixture(scope="session")
def claude_code() -> Path:
    return _installed(CLAUDE)


@pytest.fixture(scope="session")
def codex() -> Path:
    found = sorted(CODEX.glob("*/bin/codex"))
    return _installed(found[0] if found else CODEX / "codex")


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def stack(peer: Peer, tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "agents.yaml"
    source.write_text(STACK.format(url=peer.url))
    with serving(source) as url:
        yield url


@pytest.fixture(scope="module")
def scripted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A stack whose model says what the module's SCRIPT says."""
    folder = tmp_path_factory.mktemp("scripted")
    script, source = folder / "script.yaml", folder / "scripted.yaml"
    script.write_text(request.module.SCRIPT)
    source.write_text(SCRIPTED.format(script=script))
    with serving(source) as url:
        yield url


@pytest.fixture(params=["http", "websocket"])
def agent(
    request: pytest.FixtureRequest, codex: Path, scripted: str, tmp_path: Path
) -> Iterator[Agent]:
    """Codex on that stack, over both of its transports."""
    with tapped(scripted) as (url, heads):
        yield Agent(codex, tmp_path / "home", url, request.param == "websocket", heads)
