"""A part of a script as a canonical part and its deltas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from .example import example
from .matching import Scene, callable_tools
from .script import (
    CallEntry,
    CitationEntry,
    Deltas,
    LogprobEntry,
    NoteEntry,
    OpaqueEntry,
    PartEntry,
    ReasoningEntry,
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A part as it starts, the deltas that fill it, and what is said about it at its end."""

    start: ir.Part
    deltas: tuple[ir.Delta, ...] = ()
    notes: tuple[ir.Citation | ir.Reasoning, ...] = ()


def planned(entry: PartEntry, index: int, scene: Scene) -> Planned:
    """One part of a script, at its index in the answer."""

    def deltas(texts: Deltas) -> tuple[ir.Delta, ...]:
        if isinstance(texts, str):
            return _deltas(index, _words(scene.filled(texts)))
        return _deltas(index, (scene.filled(piece) for piece in texts))

    match entry:
        case PartEntry(text=str() | list() as text):
            spoken = tuple(ir.Delta(index, each.token, (logprob(each),)) for each in entry.logprobs)
            notes = tuple(citation(each) for each in entry.citations)
            return Planned(ir.Text(""), spoken or deltas(text), notes)
        case PartEntry(refusal=str() | list() as text):
            return Planned(ir.Refusal(""), deltas(text))
        case PartEntry(reasoning=ReasoningEntry() as thought):
            return Planned(ir.Reasoning(), deltas(thought.text), _notes(thought))
        case PartEntry(reasoning=str() | list() as text):
            return Planned(ir.Reasoning(), deltas(text))
        case PartEntry(tool_call=CallEntry() as call):
            part = ir.ToolCall(call.id or scene.mint(), call.name, "", call.kind, call.namespace)
            if isinstance(call.arguments, dict):
                return Planned(part, _json(index, _filled_in(call.arguments, scene)))
            return Planned(part, deltas(call.arguments))
        case PartEntry(call_offered_tool=True):
            return _offered(index, scene)
        case PartEntry(structured=True):
            return Planned(ir.Text(""), _json(index, example(scene.request.output.schema or {})))
    assert entry.opaque is not None, "the schema allows no other kind"
    return Planned(opaque(entry.opaque))


def citation(entry: CitationEntry) -> ir.Citation:
    return ir.Citation(**entry.model_dump())


def logprob(entry: LogprobEntry) -> ir.TokenLogprob:
    top = tuple(logprob(other) for other in entry.top)
    return ir.TokenLogprob(entry.token, entry.logprob, entry.token.encode(), top)


def note(entry: ReasoningEntry | NoteEntry) -> ir.Reasoning:
    return ir.Reasoning(
        summary=tuple(entry.summary), signature=entry.signature, sealed=entry.sealed
    )


def opaque(entry: OpaqueEntry) -> ir.Opaque:
    return ir.Opaque(entry.protocol, entry.type, entry.data)


def _notes(thought: ReasoningEntry) -> tuple[ir.Reasoning, ...]:
    said = note(thought)
    return (said,) if said != ir.Reasoning() else ()


def _offered(index: int, scene: Scene) -> Planned:
    """A call of the first function on offer, or else of the first tool."""
    tools = sorted(callable_tools(scene.request), key=lambda tool: tool.kind != "function")
    if not tools:
        raise InvalidRequest("the script calls a tool, and the request offers none", param="tools")
    tool = tools[0]
    part = ir.ToolCall(scene.mint(), tool.name, "", tool.kind, tool.namespace)
    if tool.kind == "custom":
        return Planned(part, (ir.Delta(index, "text"),))
    return Planned(part, _json(index, example(tool.schema or {})))


def _filled_in(value: Any, scene: Scene) -> Any:
    """A JSON value with its texts filled: before it is written, so that quotes stay escaped."""
    match value:
        case str():
            return scene.filled(value)
        case list():
            return [_filled_in(each, scene) for each in value]
        case dict():
            return {key: _filled_in(each, scene) for key, each in value.items()}
        case _:
            return value


def _json(index: int, value: Any) -> tuple[ir.Delta, ...]:
    return _deltas(index, _words(json.dumps(value, ensure_ascii=False)))


def _deltas(index: int, pieces: Iterable[str]) -> tuple[ir.Delta, ...]:
    return tuple(ir.Delta(index, piece) for piece in pieces if piece)


def _words(text: str) -> list[str]:
    """The text in deltas of a word each, with the space that leads to it."""
    return re.findall(r"\s*\S+|\s+", text)
