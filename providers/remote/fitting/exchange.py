"""Turns in the order that upstreams insist on: each call's result directly behind the calls.

Neighbouring turns of the assistant become one, since some protocols give each thought, text and
call a turn of its own. The results of its calls follow it, in the order of the calls, before
anything else that the user says. A result without a call, a second one and a missing one are the
client's mistakes, which every upstream refuses in words of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from .case import Case, place, with_parts
from .legal import Legal

# Identifiers are nobody's words: they may be changed where an upstream's pattern asks for it.
LIMITS = {"chat": (40, None), "messages": (64, "[^a-zA-Z0-9_-]"), "responses": (64, None)}


@dataclass(slots=True)
class _Open:
    """A call that waits for its result, and the turn that it stands in."""

    call: ir.ToolCall
    id: str
    result: ir.ToolResult | None = None


@dataclass(slots=True)
class _Group:
    """A turn in the making; `calls` are the assistant's, each with its result once it has come."""

    turn: ir.Turn
    parts: list[ir.Part] = field(default_factory=list)
    calls: list[_Open] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        return any(call.result is not None for call in self.calls)


def ordered(turns: Iterable[ir.Turn], case: Case) -> tuple[ir.Turn, ...]:
    return tuple(_Exchange(case).turns(turns))


class _Exchange:
    def __init__(self, case: Case) -> None:
        self._case = case
        self._ids = Legal(*LIMITS[case.api])
        self._groups: list[_Group] = []
        self._waiting: dict[str, _Open] = {}  # by the client's own identifier
        self._calls = 0
        self._unknown: set[object] = set()  # identifiers of calls that the model does not know

    def turns(self, turns: Iterable[ir.Turn]) -> Iterator[ir.Turn]:
        for turn in turns:
            if turn.role == "assistant":
                self._assistant(turn)
            else:
                self._spoken(turn)
        for position, group in enumerate(self._groups):
            self._check_answered(group, position)
            yield with_parts(group.turn, tuple(group.parts))
            if results := tuple(each.result for each in group.calls if each.result is not None):
                yield ir.Turn("user", results, at=results[0].at)

    def _assistant(self, turn: ir.Turn) -> None:
        last = self._groups[-1] if self._groups else None
        if last is None or last.turn.role != "assistant" or last.answered:
            last = _Group(_unnamed(turn))
            self._groups.append(last)
        for part in turn.parts:
            last.parts.append(self._called(part, last) if isinstance(part, ir.ToolCall) else part)
            if isinstance(part, ir.Opaque):
                self._unknown |= {part.data.get("id"), part.data.get("call_id")} - {None}

    def _called(self, call: ir.ToolCall, group: _Group) -> ir.ToolCall:
        if call.id in self._waiting:
            _refuse(call, f"another call with the id {call.id!r} still waits for its result")
        self._calls += 1
        word = self._ids.word((self._calls, call.id), call.id)
        opened = self._waiting[call.id] = _Open(call, word)
        group.calls.append(opened)
        return call if word == call.id else replace(call, id=word)

    def _spoken(self, turn: ir.Turn) -> None:
        rest: list[ir.Part] = [p for p in turn.parts if not isinstance(p, ir.ToolResult)]
        for part in turn.parts:
            if isinstance(part, ir.ToolResult):
                self._answer(part)
        if rest or not turn.parts:
            self._groups.append(_Group(_unnamed(turn), rest))

    def _answer(self, result: ir.ToolResult) -> None:
        opened = self._waiting.pop(result.call_id, None)
        if opened is not None:
            if (result.call_id, result.kind) != (opened.id, opened.call.kind):
                result = replace(result, call_id=opened.id, kind=opened.call.kind)
            opened.result = result
        elif result.call_id in self._unknown:
            why = "the result of a call that the upstream cannot be shown"
            self._case.losses.dropped(place(result, "messages"), why)
        else:
            _refuse(result, f"no call before it has the id {result.call_id!r}, or waits for it")

    def _check_answered(self, group: _Group, position: int) -> None:
        """At the end of a conversation the results may yet be missing."""
        later = (each.turn.role for each in self._groups[position + 1 :])
        if not any(role in ("user", "assistant") for role in later):
            return
        for each in group.calls:
            if each.result is None:
                _refuse(each.call, f"the call {each.call.id!r} has no result in what follows it")


def joined(turns: Iterable[ir.Turn]) -> tuple[ir.Turn, ...]:
    """Neighbouring turns of the user as one; empty ones are left out."""
    together: list[ir.Turn] = []
    for turn in turns:
        if not turn.parts:
            continue
        if together and together[-1].role == turn.role:
            together[-1] = with_parts(together[-1], together[-1].parts + turn.parts)
        else:
            together.append(turn)
    return tuple(together)


def _unnamed(turn: ir.Turn) -> ir.Turn:
    """The turn without what names the one item that it came from."""
    if turn.id is None and turn.status is None:
        return turn
    return replace(turn, id=None, status=None)


def _refuse(node: ir.Node, problem: str) -> NoReturn:
    at = place(node, "messages")
    raise InvalidRequest(f"{at}: {problem}", param=at)
