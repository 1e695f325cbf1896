"""The words that both directions share: stop reasons, usage, citations and tool inputs.

The wire's form of each stands beside the canonical one, so that neither direction can forget
what the other writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from ...core.canon import ir
from ...core.canon.errors import UpstreamError

NAME = "messages"

# Stop reasons ------------------------------------------------------------------------------------

STOP_REASONS: dict[str, ir.StopReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_call",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}
WIRE_REASONS: dict[ir.StopReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_call": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "filter": "refusal",
    "context": "model_context_window_exceeded",
}


def wire_stop(stop: ir.Stop, *, refused: bool) -> dict[str, Any]:
    """The fields of a stop. A refusal in the parts shows, though other protocols call it an end."""
    reason = WIRE_REASONS[stop.reason]
    if stop.raw is not None and STOP_REASONS.get(stop.raw) == stop.reason:
        reason = stop.raw
    if refused and stop.reason == "end":
        reason = "refusal"
    details = {"type": "refusal", "category": None, "explanation": None}
    fields = {
        "stop_reason": reason,
        "stop_sequence": stop.sequence,
        "stop_details": details if reason == "refusal" else None,
    }
    return fields | own(stop)


def stop_of(fields: Mapping[str, Any]) -> ir.Stop:
    """The canonical stop; a reason that nobody knows is never taken for a success."""
    raw = fields.get("stop_reason")
    reason = STOP_REASONS.get(raw) if isinstance(raw, str) else None
    if reason is None:
        raise UpstreamError(f"the upstream stopped for a reason that is unknown here: {raw!r}")
    sequence, details = fields.get("stop_sequence"), fields.get("stop_details")
    sequence = sequence if isinstance(sequence, str) else None
    extra: ir.Extra | None = {NAME: {"stop_details": details}} if details else None
    return ir.Stop(reason, sequence, raw, extra=extra)


# Usage -------------------------------------------------------------------------------------------

_COUNTED = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens_details",
)


def wire_delta_usage(usage: ir.Usage | None) -> dict[str, Any]:
    """The cumulative counts of a `message_delta`. Cached input is counted apart on this wire."""
    usage = usage or ir.Usage()
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    thinking = None if usage.reasoning is None else {"thinking_tokens": usage.reasoning}
    return {
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "input_tokens": max(0, usage.input - cached),
        "output_tokens": usage.output,
        "output_tokens_details": thinking,
        "server_tool_use": None,
    } | own(usage)


def wire_usage(usage: ir.Usage | None) -> dict[str, Any]:
    """The usage of a whole message."""
    rest = {"cache_creation": None, "inference_geo": None, "service_tier": None, "speed": None}
    return rest | wire_delta_usage(usage)


def usage_of(fields: Mapping[str, Any]) -> ir.Usage:
    read = _count(fields, "cache_read_input_tokens")
    write = _count(fields, "cache_creation_input_tokens")
    details = fields.get("output_tokens_details")
    rest = {k: v for k, v in fields.items() if k not in _COUNTED and v is not None}
    return ir.Usage(
        input=(_count(fields, "input_tokens") or 0) + (read or 0) + (write or 0),
        output=_count(fields, "output_tokens") or 0,
        cache_read=read,
        cache_write=write,
        reasoning=_count(details, "thinking_tokens") if isinstance(details, dict) else None,
        extra={NAME: rest} if rest else None,
    )


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, int):
        raise UpstreamError(f"the upstream counted {name} as {type(value).__name__}")
    return value


# Citations ---------------------------------------------------------------------------------------

# Which wire field is which canonical one; the others of a kind (indices into the client's own
# documents) have no meaning elsewhere and stay in `extra`.
_CITATIONS: dict[str, dict[str, str]] = {
    "char_location": {"quote": "cited_text", "title": "document_title"},
    "page_location": {"quote": "cited_text", "title": "document_title"},
    "content_block_location": {"quote": "cited_text", "title": "document_title"},
    "web_search_result_location": {"quote": "cited_text", "title": "title", "url": "url"},
    "search_result_location": {"quote": "cited_text", "title": "title"},
}


def citation_of(fields: Mapping[str, Any], at: str | None = None) -> ir.Citation:
    names = _CITATIONS.get(fields["type"], {})
    known = {name: fields.get(wire) for name, wire in names.items()}
    rest = {k: v for k, v in fields.items() if k != "type" and k not in names.values()}
    return ir.Citation(fields["type"], **known, extra={NAME: rest} if rest else None, at=at)


def wire_citation(citation: ir.Citation) -> dict[str, Any] | None:
    """The citation as this protocol writes it, or None if it has no such kind."""
    names = _CITATIONS.get(citation.kind)
    if names is not None:
        known = {wire: getattr(citation, name) for name, wire in names.items()}
        return {"type": citation.kind} | known | own(citation)
    if citation.extra and NAME in citation.extra:
        return {"type": citation.kind} | own(citation)
    if citation.kind == "url_citation" and citation.url and citation.quote:
        return {
            "type": "web_search_result_location",
            "cited_text": citation.quote,
            # Only the search that found the page could vouch for it.
            "encrypted_index": "",
            "title": citation.title,
            "url": citation.url,
        }
    return None


# Tool inputs -------------------------------------------------------------------------------------

RAW_ARGUMENTS = "__raw_arguments"


def wire_input(arguments: str) -> dict[str, Any]:
    """Arguments as the object that this wire demands; what is none is wrapped, whole, in one."""
    if not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {RAW_ARGUMENTS: arguments}


def is_object(arguments: str) -> bool:
    return RAW_ARGUMENTS not in wire_input(arguments)


def arguments_of(value: Mapping[str, Any]) -> str:
    match value:
        case {"__raw_arguments": str(raw), **rest} if not rest:
            return raw
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def call_name(name: str, namespace: str | None) -> str:
    """This wire knows no namespaces."""
    return name if namespace is None else f"{namespace}__{name}"


# Extra -------------------------------------------------------------------------------------------


def own(node: ir.Node) -> dict[str, Any]:
    """The fields of a node that came from this protocol and have no canonical name."""
    return dict(node.extra.get(NAME, {})) if node.extra else {}
