"""Codex calls the tools of an MCP server, which it offers to its model as a namespace."""

from __future__ import annotations

import sys
from pathlib import Path

from agent_model import ANSWER, model
from peer import Peer

from . import codexing
from .codexing import Agent

SERVER = Path(__file__).parents[1] / "e2e" / "tools" / "desk_server.py"
DESK = {
    "mcp_servers.desk.command": sys.executable,
    "mcp_servers.desk.args": [str(SERVER)],
    "mcp_servers.desk.required": True,  # the first turn waits until it runs
    "mcp_servers.desk.default_tools_approval_mode": "approve",
}
SCRIPT = """\
answers:
  - when: {turn: 1, tool: tool_search}
    parts: [{tool_call: {name: tool_search, arguments: {query: add two numbers}}}]
  - when: {turn: 1, tool: add}
    parts: &sum [{tool_call: {name: add, namespace: mcp__desk, arguments: {a: 19, b: 23}}}]
  - when: {turn: 2, tool: tool_search}
    parts: *sum
  - when: {tool_result: true}
    parts: [{text: "the tool said {{tool_result}}"}]
"""


def test_a_tool_of_an_mcp_server_is_called(agent: Agent) -> None:
    said = agent.turn(config=DESK)
    (call,) = said.items("mcp_tool_call")
    assert (call["server"], call["tool"], call["error"]) == ("desk", "add", None)
    assert '{"result":"42"}' in said.answer


def test_a_tool_that_a_search_has_found_is_called(agent: Agent) -> None:
    said = agent.turn(config=DESK, knowing={"supports_search_tool": True})
    (call,) = said.items("mcp_tool_call")
    assert (call["server"], call["tool"], call["error"]) == ("desk", "add", None)
    assert '{"result":"42"}' in said.answer


def test_a_chat_server_calls_it_by_a_flat_name(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = model("mcp__desk__add", {"a": 4_000_000, "b": 242}, ran="4000242")
    said = codexing.run(codex, tmp_path / "home", stack, "on-chat", config=DESK)
    assert (said.code, said.complaints, said.answer) == (0, [], ANSWER)
    (call,) = said.items("mcp_tool_call")
    assert (call["server"], call["tool"], call["error"]) == ("desk", "add", None)
