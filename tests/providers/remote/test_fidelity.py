"""What survives on the way to a foreign upstream, counted on requests like those of two agents.

Every marker is either in the body that the upstream is sent, or at a place that the ledger names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.core.contract.api import Api
from polystack.providers.remote.fitting import fit
from polystack.providers.remote.traits import Traits

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
PIXEL = "iVBORw0KGgoAAAANSUhEUg=="


@dataclass(frozen=True)
class Marker:
    """Something in a request: the words that show it in a body, and where it stood."""

    name: str
    needle: str
    path: str


# A request like Claude Code's ---------------------------------------------------------------------

CLAUDE_CODE: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 32000,
    "stream": True,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=NONCE;"},
        {
            "type": "text",
            "text": "You are SYSTEM-TEXT.",
            "cache_control": {"type": "ephemeral"},
        },
    ],
    "tools": [
        {
            "name": "Bash",
            "description": "Runs TOOL-DESCRIPTION.",
            "input_schema": {
                "type": "object",
                "properties": {"command": {"type": "string", "pattern": "TOOL-SCHEMA"}},
                "required": ["command"],
            },
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 4321},
    "stop_sequences": ["STOP-WORD"],
    "top_k": 41,
    "metadata": {"user_id": "USER-ID"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "messages": [
        {"role": "user", "content": "Please PROMPT-TEXT."},
        {"role": "system", "content": "Mind the MIDDLE-SYSTEM."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm, THOUGHT.", "signature": "SIGNATURE"},
                {"type": "redacted_thinking", "data": "REDACTED"},
                {"type": "text", "text": "I look, SPOKEN-BESIDE."},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ARG"}},
                {"type": "tool_use", "id": "toolu_2", "name": "Bash", "input": {"command": "b"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "is_error": True,
                    "content": "RESULT-TWO",
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {"type": "text", "text": "RESULT-ONE"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                        },
                    ],
                },
                {
                    "type": "text",
                    "text": "SAID-BESIDE the results.",
                    "cache_control": {"type": "ephemeral"},
                },
            ],
        },
    ],
}
CLAUDE_CODE_MARKERS = [
    Marker("billing nonce", "NONCE", "system.0"),
    Marker("system text", "SYSTEM-TEXT", "system"),
    Marker("cache mark of the system", "cache_control", "system.1.cache_control"),
    Marker("cache mark of a message", "cache_control", "messages.3.content.2.cache_control"),
    Marker("description of a tool", "TOOL-DESCRIPTION", "tools.0"),
    Marker("schema of a tool", "TOOL-SCHEMA", "tools.0"),
    Marker("server tool", "web_search", "tools.1"),
    Marker("one call at a time", "parallel_tool_", "tool_choice.disable_parallel_tool_use"),
    Marker("budget", "4321", "thinking.budget_tokens"),
    Marker("stop sequence", "STOP-WORD", "stop_sequences"),
    Marker("top_k", "41", "top_k"),
    Marker("user", "USER-ID", "metadata"),
    Marker("context management", "clear_thinking", "context_management"),
    Marker("prompt", "PROMPT-TEXT", "messages.0"),
    Marker("system turn", "MIDDLE-SYSTEM", "messages.1"),
    Marker("thought", "THOUGHT", "messages.2.content.0"),
    Marker("signature", "SIGNATURE", "messages.2.content.0.signature"),
    Marker("redacted thought", "REDACTED", "messages.2.content.1"),
    Marker("text beside calls", "SPOKEN-BESIDE", "messages.2.content.2"),
    Marker("arguments", "ARG", "messages.2.content.3"),
    Marker("identifier of a call", "toolu_1", "messages.2.content.3"),
    Marker("failed result", '"is_error":true', "messages.3.content.0.is_error"),
    Marker("text of a failed result", "RESULT-TWO", "messages.3.content.0"),
    Marker("text of a result", "RESULT-ONE", "messages.3.content.1"),
    Marker("image of a result", PIXEL, "messages.3.content.1.content.1"),
    Marker("text beside results", "SAID-BESIDE", "messages.3.content.2"),
]

# A request like Codex's ---------------------------------------------------------------------------

CODEX: dict[str, Any] = {
    "model": "gpt",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "instructions": "You are INSTRUCTIONS.",
    "prompt_cache_key": "CACHE-KEY",
    "client_metadata": {"thread": "CLIENT-METADATA"},
    "parallel_tool_calls": False,
    "tool_choice": "auto",
    "reasoning": {"effort": "high", "summary": "auto"},
    "text": {
        "verbosity": "low",
        "format": {
            "type": "json_schema",
            "name": "SCHEMA-NAME",
            "strict": True,
            "schema": {"type": "object", "properties": {"OUTPUT-SCHEMA": {"type": "string"}}},
        },
    },
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs FUNCTION-DESCRIPTION.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
        },
        {
            "type": "namespace",
            "name": "agents_v1",
            "description": "For NAMESPACE-DESCRIPTION.",
            "tools": [
                {
                    "type": "function",
                    "name": "spawn",
                    "strict": False,
                    "parameters": {"type": "object", "properties": {"NESTED": {}}},
                }
            ],
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Patches.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: GRAMMAR"},
        },
        {"type": "web_search", "external_web_access": True},
    ],
    "input": [
        {
            "type": "message",
            "id": "i0",
            "role": "developer",
            "content": [{"type": "input_text", "text": "DEVELOPER-TEXT"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Please PROMPT-TEXT."},
                {
                    "type": "input_image",
                    "image_url": f"data:image/png;base64,{PIXEL}",
                    "detail": "high",
                },
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "SUMMARY"}],
            "content": None,
            "encrypted_content": "ENCRYPTED",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "SPOKEN-BESIDE"}],
        },
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "spawn",
            "namespace": "agents_v1",
            "arguments": '{"NESTED": "ARG"}',
        },
        {
            "type": "custom_tool_call",
            "call_id": "call_2",
            "name": "apply_patch",
            "input": "*** FREE-TEXT",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "RESULT-ONE"},
        {
            "type": "custom_tool_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_text", "text": "RESULT-TWO"}],
        },
    ],
}
CODEX_MARKERS = [
    Marker("instructions", "INSTRUCTIONS", "instructions"),
    Marker("cache key", "CACHE-KEY", "prompt_cache_key"),
    Marker("metadata of the client", "CLIENT-METADATA", "client_metadata"),
    Marker("no storing", "store", "store"),
    Marker("one call at a time", "parallel_tool_", "parallel_tool_calls"),
    Marker("effort", '"high"', "reasoning.effort"),
    Marker("summary", '"summary":"auto"', "reasoning.summary"),
    Marker("verbosity", "verbosity", "text.verbosity"),
    Marker("name of the schema", "SCHEMA-NAME", "text.format.name"),
    Marker("schema of the answer", "OUTPUT-SCHEMA", "text.format"),
    Marker("description of a function", "FUNCTION-DESCRIPTION", "tools.0"),
    Marker("namespace", "agents_v1", "tools.1"),
    Marker("description of a namespace", "NAMESPACE-DESCRIPTION", "tools.1"),
    Marker("nested function", "NESTED", "tools.1"),
    Marker("grammar", "start: GRAMMAR", "tools.2.format"),
    Marker("server tool", "web_search", "tools.3"),
    Marker("developer's text", "DEVELOPER-TEXT", "input.0"),
    Marker("prompt", "PROMPT-TEXT", "input.1"),
    Marker("image", PIXEL, "input.1.content.1"),
    Marker("detail of an image", '"detail":"high"', "input.1.content.1.detail"),
    Marker("summary of a thought", "SUMMARY", "input.2"),
    Marker("encrypted thought", "ENCRYPTED", "input.2.encrypted_content"),
    Marker("text beside calls", "SPOKEN-BESIDE", "input.3"),
    Marker("arguments", "ARG", "input.4"),
    Marker("free text", "FREE-TEXT", "input.5"),
    Marker("text of a result", "RESULT-ONE", "input.6"),
    Marker("text in parts", "RESULT-TWO", "input.7"),
]

# A request that says all that Chat can say --------------------------------------------------------

CHAT: dict[str, Any] = {
    "model": "gpt",
    "max_completion_tokens": 4711,
    "temperature": 1.5,
    "top_p": 0.25,
    "seed": 97,
    "presence_penalty": 0.75,
    "frequency_penalty": 0.125,
    "logit_bias": {"1234": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "stop": ["STOP-WORD"],
    "reasoning_effort": "minimal",
    "verbosity": "low",
    "user": "USER-ID",
    "metadata": {"team": "METADATA"},
    "prompt_cache_key": "CACHE-KEY",
    "service_tier": "flex",
    "parallel_tool_calls": False,
    "chat_template_kwargs": {"TEMPLATE": True},
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "SCHEMA-NAME",
            "description": "SCHEMA-DESCRIPTION",
            "schema": {"type": "object", "properties": {"OUTPUT-SCHEMA": {"type": "string"}}},
        },
    },
    "tools": [
        {
            "type": "function",
            "function": {"name": "get.weather", "parameters": {"title": "TOOL-SCHEMA"}},
        },
        {
            "type": "custom",
            "custom": {
                "name": "patch",
                "format": {
                    "type": "grammar",
                    "grammar": {"syntax": "regex", "definition": "GRAMMAR"},
                },
            },
        },
        {"type": "function", "function": {"name": "unwanted"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [
                {"type": "function", "function": {"name": "get.weather"}},
                {"type": "custom", "custom": {"name": "patch"}},
            ],
        },
    },
    "messages": [
        {"role": "developer", "content": "DEVELOPER-TEXT"},
        {
            "role": "user",
            "name": "SPEAKER",
            "content": [
                {"type": "text", "text": "PROMPT-TEXT"},
                {"type": "image_url", "image_url": {"url": "https://e.org/IMAGE", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "U09VTkQ=", "format": "wav"}},
                {
                    "type": "file",
                    "file": {
                        "file_data": "data:application/pdf;base64,UERG",
                        "filename": "FILE-NAME",
                    },
                },
            ],
        },
        {"role": "system", "content": "MIDDLE-SYSTEM"},
        {
            "role": "assistant",
            "content": "SPOKEN-BESIDE",
            "reasoning_content": "THOUGHT",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get.weather", "arguments": '{"city": "ARG"}'},
                },
                {
                    "id": "call_2",
                    "type": "custom",
                    "custom": {"name": "patch", "input": "FREE-TEXT"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "RESULT-TWO"},
        {"role": "tool", "tool_call_id": "call_1", "content": "RESULT-ONE"},
        {"role": "assistant", "content": None, "refusal": "REFUSAL"},
        {"role": "user", "content": "LAST-WORDS"},
    ],
}
CHAT_MARKERS = [
    Marker("limit", "4711", "max_tokens"),
    Marker("temperature", "1.5", "temperature"),
    Marker("top_p", "0.25", "top_p"),
    Marker("seed", "97", "seed"),
    Marker("presence penalty", "0.75", "presence_penalty"),
    Marker("frequency penalty", "0.125", "frequency_penalty"),
    Marker("bias", "1234", "logit_bias"),
    Marker("log probabilities", "logprobs", "logprobs"),
    Marker("count of log probabilities", "top_logprobs", "top_logprobs"),
    Marker("stop sequence", "STOP-WORD", "stop"),
    Marker("effort", '"minimal"', "reasoning_effort"),
    Marker("verbosity", "verbosity", "verbosity"),
    Marker("user", "USER-ID", "user"),
    Marker("metadata", "METADATA", "metadata"),
    Marker("cache key", "CACHE-KEY", "prompt_cache_key"),
    Marker("service tier", "flex", "service_tier"),
    Marker("one call at a time", "parallel_tool_", "parallel_tool_calls"),
    Marker("arguments of a template", "TEMPLATE", "chat_template_kwargs"),
    Marker("name of the schema", "SCHEMA-NAME", "response_format.json_schema.name"),
    Marker("description of the schema", "SCHEMA-DESC", "response_format.json_schema.description"),
    Marker("schema of the answer", "OUTPUT-SCHEMA", "response_format"),
    Marker("schema of a tool", "TOOL-SCHEMA", "tools.0"),
    Marker("name of a tool", "get.weather", "tools.0.name"),
    Marker("grammar", "GRAMMAR", "tools.1"),
    Marker("tools that may be called", "allowed_tools", "tool_choice"),
    Marker("developer's text", "DEVELOPER-TEXT", "messages.0"),
    Marker("speaker", "SPEAKER", "messages.1.name"),
    Marker("prompt", "PROMPT-TEXT", "messages.1.content.0"),
    Marker("image", "e.org/IMAGE", "messages.1.content.1"),
    Marker("detail of an image", '"detail":"low"', "messages.1.content.1.detail"),
    Marker("audio", "U09VTkQ=", "messages.1.content.2"),
    Marker("file", "UERG", "messages.1.content.3"),
    Marker("name of a file", "FILE-NAME", "messages.1.content.3"),
    Marker("system turn", "MIDDLE-SYSTEM", "messages.2"),
    Marker("text beside calls", "SPOKEN-BESIDE", "messages.3"),
    Marker("thought", "THOUGHT", "messages.3.reasoning_content"),
    Marker("arguments", "ARG", "messages.3.tool_calls.0"),
    Marker("free text", "FREE-TEXT", "messages.3.tool_calls.1"),
    Marker("text of a result", "RESULT-ONE", "messages.5"),
    Marker("text of another result", "RESULT-TWO", "messages.4"),
    Marker("refusal", "REFUSAL", "messages.6"),
    Marker("last words", "LAST-WORDS", "messages.7"),
]

REQUESTS = {
    "chat": (CHAT, CHAT_MARKERS),
    "messages": (CLAUDE_CODE, CLAUDE_CODE_MARKERS),
    "responses": (CODEX, CODEX_MARKERS),
}
# What does not arrive: no upstream protocol but the client's own has a word for it.
MISSING = {
    ("chat", "messages"): {
        "seed",
        "presence penalty",
        "frequency penalty",
        "bias",
        "log probabilities",
        "count of log probabilities",
        "temperature",
        "effort",
        "verbosity",
        "metadata",
        "cache key",
        "service tier",
        "arguments of a template",
        "name of the schema",
        "description of the schema",
        "name of a tool",
        "tools that may be called",
        "speaker",
        "detail of an image",
        "audio",
        "thought",
    },
    ("chat", "responses"): {
        "bias",
        "stop sequence",
        "cache key",
        "service tier",
        "name of a tool",
        "speaker",
        "thought",
    },
    ("messages", "chat"): {
        "billing nonce",
        "cache mark of the system",
        "cache mark of a message",
        "server tool",
        "budget",
        "context management",
        "signature",
        "redacted thought",
        "failed result",
    },
    ("messages", "responses"): {
        "billing nonce",
        "cache mark of the system",
        "cache mark of a message",
        "server tool",
        "budget",
        "context management",
        "signature",
        "redacted thought",
        "failed result",
        "stop sequence",
        "thought",
    },
    ("responses", "chat"): {
        "metadata of the client",
        "no storing",
        "summary",
        "server tool",
        "encrypted thought",
        "cache key",
        "verbosity",
    },
    ("responses", "messages"): {
        "cache key",
        "metadata of the client",
        "no storing",
        "summary",
        "verbosity",
        "name of the schema",
        "server tool",
        "detail of an image",
        "summary of a thought",
        "encrypted thought",
    },
}


def sent(client: str, upstream: str, traits: Traits) -> tuple[str, dict[str, str]]:
    document, _ = REQUESTS[client]
    fitted = fit(APIS[client].decode(document), upstream, traits, "up")
    body, losses = APIS[upstream].encode(fitted.request, "model")
    found = {loss.path: loss.verdict for loss in (*losses, *fitted.losses)}
    return json.dumps(body, separators=(",", ":")), found


@pytest.mark.parametrize(("client", "upstream"), list(MISSING))
def test_every_marker_arrives_or_is_named(client: str, upstream: str) -> None:
    body, losses = sent(client, upstream, Traits())
    missing = {marker for marker in REQUESTS[client][1] if marker.needle not in body}
    unexplained = {m.name for m in missing if not _is_named(m.path, losses)}
    assert unexplained == set()
    assert {marker.name for marker in missing} == MISSING[client, upstream]


def _is_named(path: str, losses: dict[str, str]) -> bool:
    return any(path == lost or path.startswith(f"{lost}.") for lost in losses)


@pytest.mark.parametrize("name", ["cache key", "verbosity"])
def test_openais_own_options_go_over_to_servers_that_take_them(name: str) -> None:
    body, losses = sent("responses", "chat", Traits(openai_options=True))
    marker = next(marker for marker in CODEX_MARKERS if marker.name == name)
    assert marker.needle in body
    assert marker.path not in losses


@pytest.mark.parametrize("client", list(REQUESTS))
def test_a_request_of_the_upstreams_own_protocol_is_the_same_behind_the_billing_line(
    client: str,
) -> None:
    request = APIS[client].decode(REQUESTS[client][0])
    fitted = fit(request, client, Traits(billing_header="keep", namespaces=True), "up")
    assert fitted.request == request
    assert list(fitted.losses) == []
