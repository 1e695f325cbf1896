"""Codex, headless, through a tool round trip with upstreams of each protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agent_model import ANSWER, CALL, RAN, SIGNATURE, THOUGHT, model
from peer import Peer, Received
from serving import serving
from tapping import tapped

from . import codexing
from .codexing import SOCKETS
from .conftest import STACK

TOOL = model("exec_command", {"cmd": f"echo {RAN}"})
# What comes back to each upstream of what it said before the tool ran.
RETURNED = [("chat", THOUGHT), ("messages", SIGNATURE), ("responses", CALL)]


def run(binary: Path, url: str, name: str, home: Path, *more: str, sockets: bool = False) -> str:
    """Its answer to a turn that ends well and without complaint."""
    said = codexing.run(binary, home, url, name, *more, config=SOCKETS if sockets else {})
    assert (said.code, said.complaints) == (0, []), said
    return said.answer


def rounds(peer: Peer) -> list[Received]:
    return [request for request in peer.requests if b"exec_command" in request.body]


@pytest.mark.parametrize(("upstream", "returned"), RETURNED)
def test_a_tool_round_trip(
    upstream: str, returned: str, codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    answer = run(codex, stack, f"on-{upstream}", tmp_path / "home")
    assert answer == ANSWER
    first, second = rounds(peer)
    assert RAN in json.dumps(second.document), "the tool ran, and its output arrived"
    assert CALL in json.dumps(second.document)
    assert returned in json.dumps(second.document)
    assert RAN not in json.dumps(first.document.get("messages", first.document.get("input")))


def test_its_namespaces_are_flattened_for_a_chat_server(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    run(codex, stack, "on-chat", tmp_path / "home")
    tools = rounds(peer)[0].document["tools"]
    assert all(tool["type"] == "function" for tool in tools)
    assert any(tool["function"]["name"].startswith("multi_agent_v1__") for tool in tools)


def test_in_passthrough_its_tools_arrive_as_they_were_sent(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    run(codex, stack, "on-responses", tmp_path / "home")
    kinds = {tool["type"] for tool in rounds(peer)[0].document["tools"]}
    assert kinds >= {"function", "namespace", "web_search"}
    assert rounds(peer)[0].document["store"] is False


@pytest.mark.parametrize(("upstream", "returned"), RETURNED)
def test_a_tool_round_trip_over_a_websocket(
    upstream: str, returned: str, codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    with tapped(stack) as (url, heads):
        answer = run(codex, url, f"on-{upstream}", tmp_path / "home", sockets=True)
    assert answer == ANSWER
    (head,) = (head for head in heads if "/v1/responses" in head.splitlines()[0])
    assert head.startswith("GET /v1/responses "), "one connection for all turns"
    assert "responses_websockets=2026-02-06" in head
    first, second = rounds(peer)
    assert "say pong" in json.dumps(second.document), "what the connection remembers"
    assert RAN in json.dumps(second.document)
    assert returned in json.dumps(second.document)
    assert RAN not in json.dumps(first.document.get("messages", first.document.get("input")))


def test_where_websockets_are_off_it_uses_http_at_once(
    codex: Path, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    source = tmp_path / "off.yaml"
    source.write_text(STACK.format(url=peer.url) + "server: {websocket: false}\n")
    with serving(source) as stack, tapped(stack) as (url, heads):
        said = codexing.run(codex, tmp_path / "home", url, "on-chat", config=SOCKETS)
    assert (said.code, said.answer) == (0, ANSWER)
    assert "falling back to HTTP" in str(said.complaints), "what the other tests do not hear"
    lines = [head.splitlines()[0] for head in heads]
    assert sum(line.startswith("GET /v1/responses ") for line in lines) == 1, "it asks once"
    assert any(line.startswith("POST /v1/responses ") for line in lines)


def test_a_resumed_session_tells_a_new_connection_everything(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    home = tmp_path / "home"
    run(codex, stack, "on-chat", home, sockets=True)
    count = len(rounds(peer))
    answer = run(codex, stack, "on-chat", home, "resume", "--last", sockets=True)
    assert answer == ANSWER
    (resumed,) = rounds(peer)[count:]
    told = json.dumps(resumed.document["messages"])
    assert (told.count("say pong"), told.count(ANSWER)) == (2, 1)
