"""The answer object, whole: an echo of what the client sent, and defaults for all else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger
from ..toolservers import discreet
from . import compaction
from .errors import failure
from .extras import note_foreign, own
from .output import Status, View, view, write_items
from .request import fields

# What an answer says of a field that the request left out or null.
DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}

# Fields whose value asks for what nothing here does; the answer says what holds instead.
UNMET: dict[str, tuple[Any, str]] = {
    "store": (True, "responses are not stored"),
}


def echo(request: ir.Request, context: Context) -> Document:
    """The fields of the answer that are the same from its first event to its last."""
    sent = own(request) | fields(request, Ledger())
    echoed = {
        name: sent[name] if sent.get(name) is not None else default
        for name, default in DEFAULTS.items()
    }
    echoed["tools"] = [_whole(discreet(tool)) for tool in echoed["tools"]]
    reasoning = {"effort": None, "summary": None}
    return {
        "id": f"resp_{context.token}",
        "object": "response",
        "created_at": context.created,
        "model": context.model,
        **echoed,
        "text": _text(sent.get("text") or {}),
        "reasoning": reasoning | (sent.get("reasoning") or {}),
        "background": False,
        "conversation": None,
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        **context.shown,
    }


def _whole(tool: Document) -> Document:
    """A function with the fields that were left out; of other tools the client's word holds."""
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}


def _text(sent: Document) -> Document:
    text: Document = {"format": {"type": "text"}, "verbosity": "medium"}
    text |= {name: value for name, value in sent.items() if value is not None}
    if text["format"].get("type") == "json_schema":
        text["format"] = {"description": None, "strict": False, **text["format"]}
    return text


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended, in this protocol's words."""

    status: Literal["completed", "incomplete"]
    reason: Literal["max_output_tokens", "content_filter"] | None = None

    @property
    def item_status(self) -> Status:
        return self.status


COMPLETED = Outcome("completed")
CUT = Outcome("incomplete", "max_output_tokens")
OUTCOMES: dict[ir.StopReason, Outcome] = {
    "end": COMPLETED,
    "tool_call": COMPLETED,
    "stop_sequence": COMPLETED,
    "refusal": COMPLETED,
    "length": CUT,
    "context": CUT,
    "pause": CUT,
    "filter": Outcome("incomplete", "content_filter"),
}


def outcome(stop: ir.Stop, output: Iterable[Document], losses: Ledger) -> Outcome:
    """The outcome that a stop reason stands for; what it cannot say is booked."""
    if stop.sequence is not None:
        losses.dropped("stop_sequence", "Responses cannot say which stop sequence was met")
    note_foreign(stop, "", losses)
    if stop.reason == "pause":
        losses.approximated("status", "a pause is shown as an answer that was cut short")
    if stop.reason == "refusal" and not any(_refuses(item) for item in output):
        losses.approximated("status", "a refusal without words is shown as a completed answer")
    return OUTCOMES[stop.reason]


def _refuses(item: Document) -> bool:
    return any(part.get("type") == "refusal" for part in item.get("content") or ())


def note_unmet(request: ir.Request, context: Context) -> None:
    for name, (value, why) in UNMET.items():
        if own(request).get(name) == value and context.shown.get(name) != value:
            context.losses.dropped(name, why)


# The answer at each of its stages ----------------------------------------------------------------


def queued(base: Document) -> Document:
    return _answer(base, "queued")


def unfinished(base: Document) -> Document:
    return _answer(base, "in_progress")


def finished(
    base: Document, output: list[Document], outcome: Outcome, usage: ir.Usage | None, at: int
) -> Document:
    reason = outcome.reason
    return _answer(base, outcome.status, output) | {
        "completed_at": at if outcome.status == "completed" else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "usage": write_usage(usage),
    }


def failed(base: Document, output: list[Document], error: StackError) -> Document:
    return _answer(base, "failed", output) | {"error": failure(error)}


def _answer(base: Document, status: str, output: list[Document] | None = None) -> Document:
    return {
        **base,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "output": output or [],
        "usage": None,
    }


def write_usage(usage: ir.Usage | None) -> Document | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input + usage.output,
    }


def document(request: ir.Request, response: ir.Response, context: Context) -> Document:
    seen: View = view(request, context)
    note_unmet(request, context)
    # Only the last item depends on the outcome, and the outcome only on what the items say.
    status = OUTCOMES[response.stop.reason].item_status
    output = write_items(response.parts, seen, status)
    end = outcome(response.stop, output, context.losses)
    answer = finished(echo(request, context), output, end, response.usage, context.ended())
    return compaction.document(request, answer) if compaction.is_whole(request) else answer
