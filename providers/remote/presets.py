"""Servers that are known, as data: where they listen, what they speak, how they differ.

`native` is what is passed through untouched; a protocol that a server speaks with gaps is left
out, so that it is translated and nothing is lost. `read` says in which version of the server, or
of its documentation, the claims were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .config import Protocol, TimeoutsConfig
from .traits import Traits

# A server on somebody's own machine may read a long prompt for minutes.
PATIENT = TimeoutsConfig(first_byte=600.0, idle=300.0, total=1800.0)


@dataclass(frozen=True, slots=True)
class Preset:
    type: str
    title: str
    native: tuple[Protocol, ...]
    read: str
    base_url: str | None = None
    traits: Traits = field(default_factory=Traits)
    timeouts: TimeoutsConfig = field(default_factory=TimeoutsConfig)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other defaults where the address is that of a vendor with ways of its own."""


OPENAI = {
    "native": ["responses", "chat"],
    "traits": {
        "reasoning_field": None,
        "custom_tools": True,
        "namespaces": True,
        "developer_role": True,
        "openai_options": True,
        "limit_field": "max_completion_tokens",
        "extended_sampling": False,
    },
}

PRESETS = (
    Preset(
        "openai",
        "any OpenAI-compatible server; OpenAI's own by default",
        ("chat",),
        "types of the openai SDK 3.52",
        "https://api.openai.com/v1",
        hosts={"api.openai.com": OPENAI},
    ),
    Preset(
        "anthropic",
        "Anthropic's Messages, or a server compatible with it",
        ("messages",),
        "types of the anthropic SDK 2.11",
        "https://api.anthropic.com",
        Traits(billing_header="keep", signed_thinking=True),
        hosts={
            "api.anthropic.com": {
                "traits": {"billing_header": "keep", "signed_thinking": True, "threads": True}
            }
        },
    ),
    Preset(
        "ollama",
        "Ollama",
        # Its Messages cannot count tokens, and its Responses joins the names of namespaces.
        ("chat",),
        "Ollama fb3076099 (source)",
        "http://127.0.0.1:11434/v1",
        Traits(reasoning_field="reasoning"),
        PATIENT,
    ),
    Preset(
        "vllm",
        "vLLM",
        # Its Responses refuses custom tools with a grammar and flattens namespaces.
        ("chat", "messages"),
        "vLLM 0.33.0 (source)",
        "http://127.0.0.1:8000/v1",
        Traits(reasoning_field="reasoning", answer_grammar="structured_outputs"),
        PATIENT,
    ),
    Preset(
        "sglang",
        "SGLang",
        # Its Messages does not strip the billing line; we do.
        ("chat", "responses", "messages"),
        "SGLang 0.5.23 (source)",
        "http://127.0.0.1:30000/v1",
        Traits(namespaces=True),
        PATIENT,
    ),
    Preset(
        "llama-server",
        "llama.cpp's own server",
        # Its Responses skips every tool that is no function; its Messages passes system turns to
        # templates that raise on them.
        ("chat", "messages"),
        "llama.cpp as vendored in llama-cpp-python 0.3.36 (source)",
        "http://127.0.0.1:8080/v1",
        Traits(system_in_conversation=False, answer_grammar="grammar"),
        PATIENT,
    ),
    Preset(
        "lmstudio",
        "LM Studio",
        # Its Responses refuses namespaces.
        ("chat", "messages"),
        "LM Studio documentation of 2026-11",
        "http://127.0.0.1:1234/v1",
        timeouts=PATIENT,
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        ("chat", "messages"),
        "OpenRouter documentation of 2026-11",
        "https://openrouter.ai/api/v1",
        Traits(reasoning_field="reasoning_details"),
    ),
    Preset(
        "exo",
        "exo",
        # Its Messages and Responses streams break the order of blocks.
        ("chat",),
        "exo b5375f8ce (source)",
        "http://127.0.0.1:52415/v1",
        timeouts=PATIENT,
    ),
    Preset(
        "litellm",
        "a LiteLLM proxy",
        ("chat", "messages", "responses"),
        "LiteLLM 1.109.1 (source)",
        "http://127.0.0.1:4000/v1",
    ),
)
