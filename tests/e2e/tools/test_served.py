"""The whole of it, as a user runs it: a server, a program of tools, and the SDKs over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from serving import serving

ANSWERS = [
    {"when": {"tool_result": True}, "parts": [{"text": "the sum is {{tool_result}}"}]},
    {"parts": [{"tool_call": {"name": "add", "arguments": {"a": 2, "b": 3}}}]},
]
TOOL: Any = {"type": "mcp", "server_label": "desk", "require_approval": "never"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, str(Path(__file__).with_name("desk_server.py"))]
    distribution = {
        "version": 1,
        "name": "desk",
        "apis": ["responses", "messages", "chat"],
        "providers": {"scripted": {"type": "scripted", "config": {"answers": ANSWERS}}},
        "executors": {
            "mcp": {"type": "mcp", "config": {"servers": {"desk": {"command": command}}}}
        },
        "models": {"scripted": {"provider": "scripted"}},
    }
    (folder / "desk.yaml").write_text(json.dumps(distribution))
    with serving(folder / "desk.yaml") as url:
        yield url


def test_responses_over_http(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
    with client.responses.stream(model="scripted", input="go", tools=[TOOL]) as stream:
        streamed = stream.get_final_response()
    whole = client.responses.create(model="scripted", input="go", tools=[TOOL])
    for answer in (streamed, whole):
        kinds = [item.type for item in answer.output]
        assert kinds == ["mcp_list_tools", "mcp_call", "message"]
        assert answer.output_text == "the sum is 5"


def test_messages_over_http(url: str) -> None:
    client = anthropic.Anthropic(base_url=url, api_key="none")
    message = client.beta.messages.create(
        model="scripted",
        max_tokens=100,
        messages=[{"role": "user", "content": "go"}],
        tools=[{"type": "mcp_toolset", "mcp_server_name": "desk"}],
    )
    kinds = [block.type for block in message.content]
    assert kinds == ["mcp_tool_use", "mcp_tool_result", "text"]


def test_chat_over_http(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
    answer = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "go"}], tools=[TOOL]
    )
    assert answer.choices[0].message.content == "the sum is 5"
