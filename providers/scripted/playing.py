"""An answer of a script as canonical parts and their deltas."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from .example import example
from .matching import callable_tools, filled
from .script import CallEntry, Deltas, LogprobEntry, PartEntry, ReasoningEntry


@dataclass(frozen=True, slots=True)
class Planned:
    """A part as it starts, the deltas that fill it, and what is said about it at its end."""

    start: ir.Part
    deltas: tuple[ir.Delta, ...] = ()
    notes: tuple[ir.Citation | ir.Reasoning, ...] = ()


Mint = Callable[[], str]


def planned(entry: PartEntry, index: int, request: ir.Request, mint: Mint) -> Planned:
    """One part of a script for one request; `mint` makes the ids of calls that have none."""

    def deltas(texts: Deltas) -> tuple[ir.Delta, ...]:
        pieces = _words(texts) if isinstance(texts, str) else texts
        return tuple(ir.Delta(index, filled(piece, request)) for piece in pieces if piece)

    match entry:
        case PartEntry(text=str() | list() as text):
            spoken = _with_logprobs(entry.logprobs, index) if entry.logprobs else deltas(text)
            notes = tuple(ir.Citation(**each.model_dump()) for each in entry.citations)
            return Planned(ir.Text(""), spoken, notes)
        case PartEntry(refusal=str() | list() as text):
            return Planned(ir.Refusal(""), deltas(text))
        case PartEntry(reasoning=ReasoningEntry() as thought):
            end = ir.Reasoning(
                summary=tuple(thought.summary), signature=thought.signature, sealed=thought.sealed
            )
            return Planned(ir.Reasoning(), deltas(thought.text), (end,))
        case PartEntry(reasoning=str() | list() as text):
            return Planned(ir.Reasoning(), deltas(text))
        case PartEntry(tool_call=CallEntry() as call):
            given = call.arguments
            text = json.dumps(given) if isinstance(given, dict) else given
            part = ir.ToolCall(call.id or mint(), call.name, "", call.kind, call.namespace)
            return Planned(part, deltas(text))
        case PartEntry(call_offered_tool=True):
            return _offered(index, request, mint)
        case PartEntry(structured=True):
            text = json.dumps(example(request.output.schema or {"type": "object"}))
            return Planned(ir.Text(""), (ir.Delta(index, text),))
    assert entry.opaque is not None, "the schema allows no other kind"
    return Planned(ir.Opaque(entry.opaque.protocol, entry.opaque.type, entry.opaque.data))


def _offered(index: int, request: ir.Request, mint: Mint) -> Planned:
    tools = callable_tools(request)
    if not tools:
        raise InvalidRequest("the script calls a tool, and the request offers none", param="tools")
    tool = tools[0]
    text = "text" if tool.kind == "custom" else json.dumps(example(tool.schema or {}))
    part = ir.ToolCall(mint(), tool.name, "", tool.kind, tool.namespace)
    return Planned(part, (ir.Delta(index, text),))


def _words(text: str) -> list[str]:
    """The text in deltas of a word each, with the space that leads to it."""
    pieces: list[str] = []
    for word in text.split(" "):
        pieces.append(f" {word}" if pieces else word)
    return pieces


def _with_logprobs(tokens: list[LogprobEntry], index: int) -> tuple[ir.Delta, ...]:
    return tuple(ir.Delta(index, token.token, (_logprob(token),)) for token in tokens)


def _logprob(entry: LogprobEntry) -> ir.TokenLogprob:
    top = tuple(_logprob(other) for other in entry.top)
    return ir.TokenLogprob(entry.token, entry.logprob, entry.token.encode(), top)
