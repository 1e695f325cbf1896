"""Claude Code, headless, through a tool round trip with upstreams of each protocol."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from agent_model import ANSWER, CALL, RAN, SIGNATURE, THOUGHT, model
from peer import Peer, Received

TOOL = model("Bash", {"command": f"echo {RAN}", "description": "look"})


def run(binary: Path, url: str, name: str, home: Path) -> dict[str, Any]:
    home.mkdir(exist_ok=True)
    environment = {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }
    command = [str(binary), "-p", "say pong", "--output-format", "json", "--model", name]
    command += ["--allowedTools", "Bash"]
    done = subprocess.run(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    result: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    return result | {"code": done.returncode, "said": done.stdout + done.stderr}


def rounds(peer: Peer) -> list[Received]:
    return [request for request in peer.requests if b"Bash" in request.body]


@pytest.mark.parametrize("upstream", ["chat", "responses", "messages"])
def test_a_tool_round_trip(
    upstream: str, claude_code: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    result = run(claude_code, stack, f"on-{upstream}", tmp_path / "home")
    assert result["code"] == 0, result["said"]
    assert result["result"] == ANSWER
    first, second = rounds(peer)
    assert all(request.document["stream"] for request in (first, second)), "no fallback was needed"
    assert RAN in json.dumps(second.document)
    assert CALL in json.dumps(second.document)
    assert RAN not in json.dumps(first.document.get("messages", first.document.get("input")))


def test_a_thought_of_a_chat_server_goes_back_to_it(
    claude_code: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    assert run(claude_code, stack, "on-chat", tmp_path / "home")["code"] == 0
    turns = rounds(peer)[1].document["messages"]
    (said,) = [turn for turn in turns if turn["role"] == "assistant"]
    assert said["reasoning_content"] == THOUGHT
    assert [call["id"] for call in said["tool_calls"]] == [CALL]


def test_in_passthrough_its_request_arrives_as_it_was_sent(
    claude_code: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    # Under its own name: thoughts of a model of another name the agent does not give back.
    assert run(claude_code, stack, "wire-model", tmp_path / "home")["code"] == 0
    for request in rounds(peer):
        assert b"x-anthropic-billing-header" in request.body
        assert b'"cache_control"' in request.body
        assert "claude-code-20250219" in (request.header("anthropic-beta") or "")
        assert request.header("x-api-key") == "k"
        assert "x-app" not in request.names
    (said,) = [turn for turn in rounds(peer)[1].document["messages"] if turn["role"] == "assistant"]
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}
    assert said["content"][0] == thought


def test_for_others_than_anthropic_the_billing_line_is_left_out(
    claude_code: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    peer.script = TOOL
    assert run(claude_code, stack, "on-chat", tmp_path / "home")["code"] == 0
    assert all(b"x-anthropic-billing-header" not in request.body for request in peer.requests)
