"""System text where the upstream takes it.

The line by which Claude Code bills changes with every request: it says nothing to a model and
would spoil the prefix cache. System turns in front of the conversation become instructions where
an upstream has one place for them. Later ones stay where they are, or are told by the user beside
them, between `<system>` and `</system>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ....core.canon import ir
from .case import Case, place

NONCE = "x-anthropic-billing-header:"
MARKED = "<system>\n{}\n</system>"
SYSTEM = ("system", "developer")


def without_billing(request: ir.Request, case: Case) -> ir.Request:
    first = request.instructions[0] if request.instructions else None
    if case.traits.billing_header == "keep" or not isinstance(first, ir.Text):
        return request
    if not first.text.startswith(NONCE):
        return request
    case.losses.mapped(place(first, "system.0"), "it names one request and says nothing to a model")
    _, _, rest = first.text.partition("\n")
    kept = (replace(first, text=rest),) if rest.strip() else ()
    return replace(request, instructions=(*kept, *request.instructions[1:]))


def placed(request: ir.Request, case: Case) -> ir.Request:
    """The request with every system turn in a place and a role that the upstream takes."""
    if not any(turn.role in SYSTEM for turn in request.turns):
        return request
    front = next((i for i, t in enumerate(request.turns) if t.role not in SYSTEM), None)
    turns, instructions = request.turns, request.instructions
    if _has_one_place(case):
        # A conversation of nothing is refused, so its last turn stays and is told by the user.
        last = len(turns) - 1 if case.api == "messages" else len(turns)
        cut = last if front is None else front
        instructions = (*instructions, *_texts(turns[:cut], case))
        turns, front = turns[cut:], None if front is None else 0
    if not case.traits.system_in_conversation:
        front = front or 0
        turns = (*turns[:front], *_merged(turns[front:], case))
    elif front is None and case.api == "messages":
        turns = tuple(_merged(turns, case))
    elif case.api == "chat" and not case.native and not case.traits.developer_role:
        turns = tuple(_as_system(turns, case))
    return replace(request, turns=turns, instructions=instructions)


def _has_one_place(case: Case) -> bool:
    """Whether what stands in front is written in one place: a field, or the first message."""
    if case.api == "messages":
        return not (case.native and case.traits.system_in_conversation)
    return case.api == "chat" and not case.native


def _texts(turns: Iterable[ir.Turn], case: Case) -> Iterator[ir.Text | ir.Opaque]:
    for part in (part for turn in turns for part in turn.parts):
        if isinstance(part, ir.Text | ir.Opaque):
            yield part
        else:
            case.losses.dropped(place(part, "system"), "only text may stand in instructions")


def _as_system(turns: Iterable[ir.Turn], case: Case) -> Iterator[ir.Turn]:
    for turn in turns:
        if turn.role == "developer":
            case.losses.mapped(f"{place(turn, 'messages')}.role", "developers speak as the system")
            turn = replace(turn, role="system")
        yield turn


# Told by the user --------------------------------------------------------------------------------


def _merged(turns: Iterable[ir.Turn], case: Case) -> list[ir.Turn]:
    """System turns as words of the user's turn before them, or behind them, or of one between."""
    merged: list[ir.Turn] = []
    waiting: tuple[ir.Part, ...] = ()
    for turn in turns:
        if turn.role in SYSTEM:
            words = tuple(_marked(turn, case))
            if merged and not waiting and _takes_more(merged[-1], case):
                merged[-1] = replace(merged[-1], parts=merged[-1].parts + words)
            else:
                waiting += words
        elif waiting and _takes_more(turn, case):
            merged.append(replace(turn, parts=_before(waiting, turn.parts)))
            waiting = ()
        else:
            if waiting:
                merged.append(ir.Turn("user", waiting, at=waiting[0].at))
                waiting = ()
            merged.append(turn)
    if waiting:
        merged.append(ir.Turn("user", waiting, at=waiting[0].at))
    return merged


def _before(words: tuple[ir.Part, ...], parts: tuple[ir.Part, ...]) -> tuple[ir.Part, ...]:
    """The words in front of what the user says, and behind the results of tools."""
    results = tuple(part for part in parts if isinstance(part, ir.ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ir.ToolResult))
    return (*results, *words, *rest)


def _marked(turn: ir.Turn, case: Case) -> Iterator[ir.Part]:
    case.losses.approximated(
        place(turn, "messages"), "the upstream takes no system text here; told by the user"
    )
    for part in turn.parts:
        yield replace(part, text=MARKED.format(part.text)) if isinstance(part, ir.Text) else part


def _takes_more(turn: ir.Turn, case: Case) -> bool:
    """Whether a turn is the user's and written as one message."""
    if turn.role != "user" or case.api == "responses":
        return False
    return case.api == "messages" or not any(isinstance(p, ir.ToolResult) for p in turn.parts)
