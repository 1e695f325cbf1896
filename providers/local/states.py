"""Where a parser stands in an answer, and which marks lead from there to where."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal, TypeAlias

from .formats.calls import Reader
from .formats.reasoning import ReasoningFormat
from .formats.table import ToolFormat

Kind: TypeAlias = Literal["opens", "closes", "calls", "starts"]


class State(Enum):
    GAP = "between parts"
    THINKING = "inside reasoning"
    TEXT = "inside text"
    CALL = "where a format's reader reads"


# Which kinds of marks are read where; all else is text of the state.
TABLE: dict[State, tuple[Kind, ...]] = {
    State.GAP: ("opens", "calls", "starts"),
    State.THINKING: ("closes",),
    State.TEXT: ("calls",),
    State.CALL: (),
}


def marks_by_state(
    tools: ToolFormat, reasoning: ReasoningFormat, offered: bool
) -> dict[State, dict[str, State | Reader]]:
    kinds: dict[Kind, Mapping[str, State | Reader]] = {
        "opens": {reasoning.opens: State.THINKING} if reasoning.opens else {},
        "closes": {reasoning.closes: State.GAP} if reasoning.closes else {},
        "calls": tools.marks if offered else {},
        "starts": tools.starts if offered else {},
    }
    return {
        state: {mark: to for kind in found for mark, to in kinds[kind].items()}
        for state, found in TABLE.items()
    }
