"""What an upstream takes and what it does not, as data; presets and configuration fill it in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Traits(BaseModel):
    """The defaults suit a server that follows its protocol's documentation and nothing beyond."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasoning_field: Literal["reasoning_content", "reasoning", "reasoning_details"] | None = (
        "reasoning_content"
    )
    """Chat: where an assistant's message takes its earlier thoughts; None: nowhere."""

    custom_tools: bool = False
    """Chat: takes tools of type `custom`; else they are offered as functions with one string."""

    namespaces: bool = False
    """Responses: takes tools of type `namespace`; else their names are joined."""

    media_in_results: bool = False
    """Chat: a tool's answer may hold images; else they follow in a message of the user's."""

    system_in_conversation: bool = True
    """Takes system turns after the first of the user's; else they are folded into the user's."""

    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Chat: what the limit of an answer's tokens is called."""

    stream_usage: bool = True
    """Chat: takes `stream_options.include_usage`."""

    parallel_flag: bool = True
    """Takes `parallel_tool_calls`."""

    extended_sampling: bool = True
    """Chat and Responses: takes `top_k`, `min_p` and other extensions of local servers."""

    answer_grammar: Literal["structured_outputs", "grammar"] | None = None
    """Chat: where a language for the whole answer goes: vLLM's `structured_outputs`, or
    llama-server's `grammar`, which takes GBNF only; None: nowhere."""

    billing_header: Literal["keep", "strip"] = "strip"
    """The line by which Claude Code bills; it changes, and spoils the prefix cache of others."""

    default_max_tokens: int = 32_000
    """Messages: the limit that is sent where a client named none, since the protocol needs one."""

    developer_role: bool = False
    """Chat: tells developers from the system; else they speak as the system."""

    openai_options: bool = False
    """Chat and Responses: takes `prompt_cache_key`, `safety_identifier`, `service_tier` and
    `verbosity`, which strict servers of others refuse."""

    reasoning_effort: bool = True
    """Chat: takes `reasoning_effort`."""

    reasoning_required: bool = False
    """Chat: a turn with calls must hold a thought, if an empty one, in `reasoning_field`."""

    sealed_reasoning: bool = True
    """Responses: gives its thoughts encrypted where they are asked for."""

    thinking: Literal["adaptive", "budget"] | None = "adaptive"
    """Messages: how the models are told to think; None: they do not."""

    threads: bool = False
    """Messages: keeps conversations, so that a `thread` may go on with none of its history."""

    signed_thinking: bool = False
    """Messages: refuses a thought that it did not sign."""
