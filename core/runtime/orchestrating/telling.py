"""Earlier calls of server tools as a model reads them: plain calls of functions, and results.

A client gives back what it was shown of them in its own protocol. Each such object says what it
means in canonical parts, and those stand here in the object's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from ...canon import ir
from .offering import Function

Results = Mapping[str, ir.ToolResult]


@dataclass(frozen=True, slots=True)
class Told:
    """The servers whose functions the client was shown, and the calls that it now agrees to."""

    listed: frozenset[str]
    approved: tuple[ir.ToolCall, ...]


def told(turns: Iterable[ir.Turn]) -> Told:
    parts = list(_meanings(turns))
    pending = {part.id: part for part in parts if isinstance(part, ir.ToolCall) and part.pending}
    run = {part.approval for part in parts if isinstance(part, ir.ToolCall)}
    agreed = dict.fromkeys(
        part.call_id for part in parts if isinstance(part, ir.Approval) and part.approve
    )
    approved = tuple(pending[id] for id in agreed if id in pending and id not in run)
    listed = frozenset(part.server for part in parts if isinstance(part, ir.ToolListing))
    return Told(listed, approved)


def _meanings(turns: Iterable[ir.Turn]) -> Iterator[ir.Part]:
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, ir.Opaque):
                yield from part.meaning


def spelled(
    turns: tuple[ir.Turn, ...], functions: Mapping[str, Function], results: Results
) -> tuple[ir.Turn, ...]:
    """The turns with what is meant; `results` are those of the calls that were just agreed to."""
    return _Spelling(turns, functions, results).turns()


class _Spelling:
    def __init__(
        self, turns: tuple[ir.Turn, ...], functions: Mapping[str, Function], results: Results
    ) -> None:
        self._turns = turns
        self._names = {(each.server, each.name): name for name, each in functions.items()}
        self._results = results
        meant = list(_meanings(turns))
        self._pending = {p.id: p for p in meant if isinstance(p, ir.ToolCall) and p.pending}
        self._run = {p.approval for p in meant if isinstance(p, ir.ToolCall)}

    def turns(self) -> tuple[ir.Turn, ...]:
        return tuple(each for turn in self._turns for each in self._turn(turn))

    def _turn(self, turn: ir.Turn) -> Iterator[ir.Turn]:
        if not any(isinstance(part, ir.Opaque) and part.meaning for part in turn.parts):
            yield turn
            return
        placed = [pair for part in turn.parts for pair in self._part(part, turn.role)]
        for role, group in groupby(placed, key=lambda pair: pair[0]):
            yield ir.Turn(role, tuple(part for _, part in group), at=turn.at)

    def _part(self, part: ir.Part, role: ir.Role) -> Iterator[tuple[ir.Role, ir.Part]]:
        if not isinstance(part, ir.Opaque) or not part.meaning:
            yield role, part
            return
        for meant in part.meaning:
            match meant:
                case ir.ToolCall(pending=False):
                    yield "assistant", self._called(meant)
                case ir.ToolResult():
                    yield "user", replace(meant, kind="function", server=None)
                case ir.Approval():
                    yield from self._decided(meant)
                case _:
                    pass

    def _decided(self, said: ir.Approval) -> Iterator[tuple[ir.Role, ir.Part]]:
        call, result = self._pending.get(said.call_id), self._results.get(said.call_id)
        if not said.approve:
            why = f": {said.reason}" if said.reason else ""
            text = ir.Text(f"The user did not allow this call{why}")
            result = ir.ToolResult(said.call_id, (text,), is_error=True)
        if call is None or result is None or said.call_id in self._run:
            return
        yield "assistant", self._called(call)
        yield "user", replace(result, call_id=call.id, kind="function", server=None)

    def _called(self, call: ir.ToolCall) -> ir.ToolCall:
        name = self._names.get((call.server, call.name), call.name)
        return ir.ToolCall(call.id, name, call.arguments, at=call.at)
