"""Codex, headless, through a tool round trip with upstreams of each protocol."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from agent_model import ANSWER, CALL, RAN, model
from peer import Peer, Received

TOOL = model("exec_command", {"cmd": f"echo {RAN}"})
CONFIG = """\
model = "{name}"
model_provider = "stack"
[model_providers.stack]
name = "stack"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "STACK_KEY"
request_max_retries = 1
stream_max_retries = 1
"""


def run(binary: Path, url: str, name: str, home: Path) -> tuple[int, str]:
    (home / "codex").mkdir(parents=True, exist_ok=True)
    (home / "codex" / "config.toml").write_text(CONFIG.format(url=url, name=name))
    environment = {
        "HOME": str(home),
        "CODEX_HOME": str(home / "codex"),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "STACK_KEY": "dummy",
    }
    command = [str(binary), "exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only"]
    done = subprocess.run(
        [*command, "say pong"],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def rounds(peer: Peer) -> list[Received]:
    return [request for request in peer.requests if b"exec_command" in request.body]


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_a_tool_round_trip(
    upstream: str, codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    code, said = run(codex, stack, f"on-{upstream}", tmp_path / "home")
    assert code == 0, said
    assert ANSWER in said
    first, second = rounds(peer)
    assert RAN in json.dumps(second.document), "the tool ran, and its output arrived"
    assert CALL in json.dumps(second.document)
    assert RAN not in json.dumps(first.document.get("messages", first.document.get("input")))


def test_its_namespaces_are_flattened_for_a_chat_server(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    assert run(codex, stack, "on-chat", tmp_path / "home")[0] == 0
    tools = rounds(peer)[0].document["tools"]
    assert all(tool["type"] == "function" for tool in tools)
    assert any(tool["function"]["name"].startswith("multi_agent_v1__") for tool in tools)


def test_in_passthrough_its_tools_arrive_as_they_were_sent(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    assert run(codex, stack, "on-responses", tmp_path / "home")[0] == 0
    kinds = {tool["type"] for tool in rounds(peer)[0].document["tools"]}
    assert kinds >= {"function", "namespace", "web_search"}
    assert rounds(peer)[0].document["store"] is False
