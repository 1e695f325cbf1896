"""Every builtin provider keeps the contract, by the same kit that third parties use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving import serving

from polystack.core import Provider
from polystack.core.runtime.plugins import Plugins
from polystack.core.testing import ProviderCheck

# An upstream that takes its time, so that a stream can be left while it waits.
UPSTREAM = """\
version: 1
name: upstream
apis: [messages, responses, chat]
providers:
  scripted:
    type: scripted
    config:
      models: [{id: scripted, context_window: 4096}]
      answers:
        - when: {tool_result: true}
          parts: [{reasoning: The tool has answered.}, {text: "It said: {{tool_result}}"}]
          pace: 0.001
        - when: {tools: true}
          parts: [{reasoning: I need a tool.}, {call_offered_tool: true}]
          pace: 0.001
        - when: {json: true}
          parts: [{json: true}]
        - parts: [{text: "You said: {{user}}. One two three four five six seven eight nine ten."}]
          pace: 0.002
"""
PROTOCOLS = ("messages", "responses", "chat")
# Each protocol for what is translated, and presets with all that they declare.
REMOTE: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"openai in {name}": ("openai", {"native": [name]}) for name in PROTOCOLS},
    **{type: (type, {}) for type in ("openai", "anthropic", "ollama", "vllm", "llama-server")},
}


def provider(type: str, config: dict[str, Any]) -> Provider:
    cls = Plugins().provider(type)
    return cls("checked", cls.Config.model_validate(config))


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source = tmp_path_factory.mktemp("upstream") / "upstream.yaml"
    source.write_text(UPSTREAM)
    with serving(source) as url:
        yield f"{url}/v1"


def test_scripted(provider_check: ProviderCheck) -> None:
    provider_check(provider("scripted", {}))


def test_scripted_with_pauses(provider_check: ProviderCheck) -> None:
    answer = {"parts": [{"text": "You said: {{user}}. And so on and so on."}], "pace": 0.002}
    provider_check(provider("scripted", {"answers": [answer], "models": [{"id": "slow"}]}))


@pytest.mark.engine
def test_mlx(provider_check: ProviderCheck) -> None:
    provider_check(provider("mlx", {"model": "builtin:tiny", "context": 2048}))


@pytest.mark.engine
def test_llamacpp(provider_check: ProviderCheck) -> None:
    provider_check(provider("llamacpp", {"model": "builtin:tiny", "context": 2048}))


@pytest.mark.engine
def test_llamacpp_with_a_single_slot(provider_check: ProviderCheck) -> None:
    config = {"model": "builtin:tiny", "context": 512, "slots": 1, "max_queue": 8}
    provider_check(provider("llamacpp", config))


@pytest.mark.parametrize("name", REMOTE)
def test_remote(name: str, upstream: str, provider_check: ProviderCheck) -> None:
    type, config = REMOTE[name]
    provider_check(provider(type, {"base_url": upstream, "api_key": "k", **config}))
