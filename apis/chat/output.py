"""The pieces that a streamed and a whole answer have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger, foreign
from ...core.contract.seal import is_seal
from .vocabulary import FINISH, NAME, call_name, given


def finish(stop: ir.Stop, refused: bool, legacy: bool, losses: Ledger) -> Document:
    """The finish reason; which stop string was met goes where vLLM shows it."""
    reason = FINISH[stop.reason]
    if stop.reason == "tool_call" and legacy:
        reason = "function_call"
    if stop.reason == "refusal" and refused:
        reason = "stop"  # the refusal itself has been shown
    for field in foreign(stop, NAME):
        losses.dropped(field.name, f"a field of {field.owner}")
    if stop.reason == "pause":
        losses.approximated("finish_reason", "a paused turn looks like a finished one")
    return {"finish_reason": reason} | given(stop_reason=stop.sequence)


def logprob(token: ir.TokenLogprob) -> Document:
    top = [_bare_logprob(other) for other in token.top]
    return _bare_logprob(token) | {"top_logprobs": top}


def _bare_logprob(token: ir.TokenLogprob) -> Document:
    data = token.token.encode() if token.data is None else token.data
    return {"token": token.token, "logprob": token.logprob, "bytes": list(data)}


def logprobs(field: str, tokens: Sequence[ir.TokenLogprob]) -> Document | None:
    if not tokens:
        return None
    shown = [logprob(token) for token in tokens]
    return {"content": None, "refusal": None} | {field: shown}


def annotation(citation: ir.Citation, losses: Ledger) -> Document | None:
    if citation.kind != "url_citation" or citation.url is None:
        losses.dropped("annotations", f"this protocol has no annotation like a {citation.kind}")
        return None
    body = {
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
        "url": citation.url,
        "title": citation.title or "",
    }
    return {"type": "url_citation", "url_citation": body}


def call(part: ir.ToolCall, text: str, losses: Ledger) -> Document:
    """A tool call with these arguments; a custom one carries text and no JSON."""
    if part.namespace is not None:
        losses.approximated("tool_calls.namespace", "joined to the name, for lack of namespaces")
    name = call_name(part.name, part.namespace)
    if part.kind == "custom":
        return {"id": part.id, "type": "custom", "custom": {"name": name, "input": text}}
    return {"id": part.id, "type": "function", "function": {"name": name, "arguments": text}}


def function_call(part: ir.ToolCall, text: str) -> Document:
    """A call as clients of the deprecated `functions` know it."""
    return {"name": call_name(part.name, part.namespace), "arguments": text}


def lose_call(losses: Ledger) -> None:
    losses.dropped("function_call", "an answer to 'functions' holds one call; use tools for more")


def lose_part(part: ir.Part, told: bool, losses: Ledger) -> None:
    """What of a part this protocol has no field for; `told` says that its text has been shown."""
    match part:
        case ir.Reasoning():
            if told and part.summary:
                losses.dropped("reasoning_content.summary", "the thought itself is shown")
            if part.signature is not None:
                losses.dropped("reasoning_content.signature", "this protocol has no field for it")
            if part.sealed is not None and not is_seal(part.sealed):
                losses.dropped("reasoning_content.sealed", "this protocol has no field for it")
        case ir.Opaque():
            losses.dropped(f"content.{part.type}", f"an object of {part.protocol} only")
        case ir.Media() | ir.ToolResult():
            losses.dropped(f"content.{type(part).__name__.lower()}", "no answer here can hold it")
        case _:
            pass


def usage(counts: Sequence[ir.Usage]) -> Document | None:
    """The choices' counts as one: they share the prompt, and each has its own output."""
    if not counts:
        return None
    prompt = counts[0].input
    output = sum(count.output for count in counts)
    thought = sum(count.reasoning or 0 for count in counts)
    written = counts[0].cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {
            "cached_tokens": counts[0].cache_read or 0,
            "audio_tokens": 0,
        }
        | given(cache_write_tokens=written),
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
