"""Outputs and their calls: an output stands behind the call that it answers, as OpenAI wants it.

A model that is told of an output to nothing takes it for anything, so no provider is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest


def check(turns: Sequence[ir.Turn]) -> None:
    """Raise for the first output to a call that is not before it."""
    known: set[object] = set()
    for part in (part for turn in turns for part in turn.parts):
        for said in _said(part):
            if isinstance(said, ir.ToolResult) and said.call_id not in known:
                raise _unasked(said)
            if isinstance(said, ir.ToolCall):
                known.add(said.id)
        if isinstance(part, ir.Opaque):  # a call of a type that is not known here
            names = (part.data.get("call_id"), part.data.get("id"))
            known |= {name for name in names if isinstance(name, str)}


def _said(part: ir.Part) -> Sequence[ir.Part]:
    return part.meaning if isinstance(part, ir.Opaque) else (part,)


def _unasked(result: ir.ToolResult) -> InvalidRequest:
    at = result.at or "input"
    return InvalidRequest(
        f"{at}: no call before it has the id {result.call_id!r}; send the call, too", param=at
    )
