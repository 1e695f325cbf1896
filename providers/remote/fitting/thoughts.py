"""What the model thought earlier: it goes back to whoever made it, and to nobody else.

A signature or a seal is of use to its maker only, and another server refuses it. What this
provider made (`origin`), or what a client of the upstream's own protocol sends (no origin is told),
goes out whole. Of all else Chat servers get the text, in the field that they read it from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ....core.canon import ir
from .case import Case, place, with_parts

SEALED = {"messages": "data", "responses": "encrypted_content"}  # what clients call a seal


def replayed(turns: tuple[ir.Turn, ...], case: Case) -> tuple[ir.Turn, ...]:
    if not any(isinstance(part, ir.Reasoning) for turn in turns for part in turn.parts):
        return turns
    kept = ((turn, with_parts(turn, tuple(_parts(turn, case)))) for turn in turns)
    # A turn of which nothing is left is no turn; one that was empty before is the client's own.
    return tuple(turn for before, turn in kept if turn.parts or not before.parts)


def demanded(turns: Iterable[ir.Turn], case: Case) -> Iterator[ir.Turn]:
    """Turns with calls, each with a thought: some servers insist on one while they think."""
    empty = ir.Reasoning(extra={"chat": {"_field": case.traits.reasoning_field}})
    for turn in turns:
        kinds = {type(part) for part in turn.parts}
        if ir.ToolCall in kinds and ir.Reasoning not in kinds:
            turn = with_parts(turn, (empty, *turn.parts))
        yield turn


def _parts(turn: ir.Turn, case: Case) -> Iterator[ir.Part]:
    for part in turn.parts:
        if not isinstance(part, ir.Reasoning):
            yield part
        elif (kept := _kept(part, case)) is not None:
            yield kept


def _kept(part: ir.Reasoning, case: Case) -> ir.Reasoning | None:
    if case.native if part.origin is None else part.origin == case.provider:
        return _own(part, case)
    if not (part.text or part.summary or part.signature or part.sealed):
        return None
    if case.api == "chat":
        return _told(part, case)
    at = place(part, "reasoning")
    case.losses.dropped(at, "the upstream takes no thoughts but its own")
    return None


def _own(part: ir.Reasoning, case: Case) -> ir.Reasoning | None:
    """A thought of the upstream's own; one that came through another protocol is marked as such."""
    if case.native and part.origin is None:
        if case.traits.signed_thinking and not part.signature and part.sealed is None:
            case.losses.dropped(place(part, "reasoning"), "the upstream did not sign this thought")
            return None
        return part
    if case.api == "chat":
        return _told(part, case)
    if part.signature is None and part.sealed is None:
        case.losses.dropped(place(part, "reasoning"), "the upstream's mark on this thought is lost")
        return None
    own = (part.extra or {}).get(case.api, {})
    return replace(part, extra={case.api: own})


def _told(part: ir.Reasoning, case: Case) -> ir.Reasoning | None:
    """A thought as Chat servers read it: its text, or its summary where there is no text."""
    field, at = case.traits.reasoning_field, place(part, "reasoning")
    if field == "reasoning_details" and part.sealed and part.origin == case.provider:
        return replace(part, extra={"chat": {"_field": field}})
    text = part.text or "\n\n".join(part.summary)
    if not text or field is None:
        why = "only its maker can read it" if not text else "the upstream takes no earlier thoughts"
        case.losses.dropped(at, why)
        return None
    if part.signature is not None:
        case.losses.dropped(f"{at}.signature", "of use to its maker only")
    if part.sealed is not None:
        name = SEALED.get(case.origin, "sealed")
        case.losses.dropped(f"{at}.{name}", "of use to its maker only")
    if part.text and part.summary:
        case.losses.dropped(f"{at}.summary", "the upstream takes one text of a thought")
    return ir.Reasoning(text, extra={"chat": {"_field": field}}, at=part.at)
