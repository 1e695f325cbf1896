"""A conversation that is too long, without its oldest exchanges, where its client wants it so.

Never left out are system texts, the last thing that the user said and the last thing that happened
at all. A call goes with its output or not at all, and with the thoughts that led to it; an answer
goes with what was asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ..canon import ir
from ..canon.errors import ContextOverflow
from ..contract.losses import Ledger
from ..contract.provider import Prepared, Provider

ROOM = 4  # the answer gets so many-th part of the context, where the client asks for no less

Prepare = Callable[[ir.Request], Awaitable[Prepared]]


async def prepared(
    provider: Provider, request: ir.Request, losses: Ledger, prepare: Prepare
) -> Prepared:
    """As `prepare`; one that does not fit is tried again without its oldest exchanges."""
    try:
        return await prepare(request)
    except ContextOverflow as error:
        overflow = error
    parts = exchanges(request.turns)
    for count in range(await _enough(provider, request, parts, overflow.limit), len(parts) + 1):
        left = [turn for part in parts[:count] for turn in part]
        try:
            ready = await prepare(without(request, left))
        except ContextOverflow:
            continue
        at = request.turns[left[0]].at or "input"
        losses.dropped(at, f"the oldest {len(left)} items do not fit into the model's context")
        return ready
    raise overflow


async def _enough(
    provider: Provider, request: ir.Request, parts: Sequence[Sequence[int]], limit: int
) -> int:
    """How many parts have to go so that there is room for an answer too; all, if need be."""
    wanted = request.sampling.max_tokens or limit
    most = limit - min(wanted, limit // ROOM)
    low, high = 1, len(parts)
    while low < high:
        middle = (low + high) // 2
        left = [turn for part in parts[:middle] for turn in part]
        count = await provider.count_tokens(without(request, left))
        low, high = (low, middle) if count.input <= most else (middle + 1, high)
    return max(1, low)


def without(request: ir.Request, left: Sequence[int]) -> ir.Request:
    gone = set(left)
    turns = (turn for place, turn in enumerate(request.turns) if place not in gone)
    return replace(request, turns=tuple(turns))


def exchanges(turns: Sequence[ir.Turn]) -> list[list[int]]:
    """The places of turns that may be left out, in parts that belong together, the oldest first."""
    asked = [place for place, turn in enumerate(turns) if _is_asked(turn)]
    last = asked[-1] if asked else -1
    answered = {part.call_id for part in _parts(turns) if isinstance(part, ir.ToolResult)}
    found: list[list[int]] = []
    waiting: set[str] = set()  # for these calls' outputs
    thought = False
    for place, turn in enumerate(turns):
        if turn.role in ("system", "developer"):
            continue
        bound = bool(waiting) or thought
        for part in turn.parts:
            if isinstance(part, ir.ToolCall) and part.id in answered:
                waiting.add(part.id)
            elif isinstance(part, ir.ToolResult):
                waiting.discard(part.call_id)
        thought = bool(turn.parts) and all(isinstance(p, ir.Reasoning) for p in turn.parts)
        if place == last:
            found += [[]] if not bound else []  # what comes behind it is a part of its own
        elif not found or (not bound and (place > last or _is_asked(turn))):
            found.append([place])
        else:
            found[-1].append(place)
    return [part for part in found if part and part[-1] != len(turns) - 1]


def _is_asked(turn: ir.Turn) -> bool:
    return turn.role == "user" and any(not isinstance(p, ir.ToolResult) for p in turn.parts)


def _parts(turns: Sequence[ir.Turn]) -> list[ir.Part]:
    return [part for turn in turns for part in turn.parts]
