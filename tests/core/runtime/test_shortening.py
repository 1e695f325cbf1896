"""What may be left out of a conversation that is too long, and what never is."""

from __future__ import annotations

import pytest

from polystack.core.canon import ir
from polystack.core.runtime.shortening import exchanges

TURNS = {
    "S": ir.Turn("system", (ir.Text("s"),)),
    "D": ir.Turn("developer", (ir.Text("d"),)),
    "U": ir.Turn("user", (ir.Text("u"),)),
    "A": ir.Turn("assistant", (ir.Text("a"),)),
    "R": ir.Turn("assistant", (ir.Reasoning("r"),)),
    "1": ir.Turn("assistant", (ir.ToolCall("1", "f", "{}"),)),
    "2": ir.Turn("assistant", (ir.ToolCall("2", "f", "{}"),)),
    "3": ir.Turn("user", (ir.ToolResult("1", (ir.Text("o"),)),)),
    "4": ir.Turn("user", (ir.ToolResult("2", (ir.Text("o"),)),)),
}


@pytest.mark.parametrize(
    ("turns", "parts"),
    [
        ("U", ""),
        ("SU", ""),
        ("UAU", "UA"),
        ("SUAUAU", "UA UA"),
        ("SUADUAU", "UA UA"),
        ("AU", "A"),
        ("UUU", "U U"),
        # A call and its output stay together, with the thoughts before it.
        ("UR13AU", "UR13A"),
        ("UR13R24", "R13"),
        ("U13A24A", "13 A 24"),
        ("U1234A", "1234"),
        ("U1324", "13"),
        # One that is not answered yet waits for nothing.
        ("U1A", "1"),
        # A call whose output comes behind the last question goes with it.
        ("UA1U3A", "UA13"),
        ("U1U3", ""),
    ],
)
def test_a_conversation_falls_into_parts_that_go_together(turns: str, parts: str) -> None:
    found = exchanges([TURNS[letter] for letter in turns])
    assert " ".join("".join(turns[place] for place in part) for part in found) == parts
