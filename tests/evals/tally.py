"""What an evaluation found: how many answers there were of each kind, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

KINDS = ("valid", "cut", "refused", "unjudged", "invalid")
CUT = 0.2  # of all answers that had a format, at most


@dataclass
class Tally:
    """`least` answers have to be valid; `cut` is the share that a limit of tokens may cut off."""

    name: str
    least: int = 1
    cut: float = CUT
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, note: str = "") -> None:
        self.counts[kind] += 1
        if note:
            self.notes.append(f"{self.name}: {kind}: {note}")

    @property
    def problems(self) -> list[str]:
        """Why this is not good enough."""
        valid, cut, wrong = (self.counts[kind] for kind in ("valid", "cut", "invalid"))
        found = []
        if wrong:
            found.append(f"{self.name}: {wrong} are invalid")
        if valid < self.least:
            found.append(f"{self.name}: {valid} are valid, and {self.least} have to be")
        if cut > self.cut * (valid + cut + wrong):
            found.append(f"{self.name}: {cut} of {valid + cut + wrong} were cut off")
        return found


def table(tallies: Sequence[Tally]) -> str:
    found = {kind for tally in tallies for kind in tally.counts} | {"valid", "invalid"}
    columns = [*(kind for kind in KINDS if kind in found), *sorted(found - set(KINDS))]
    lines = [f"| | {' | '.join(columns)} |", "|---" + "|--:" * len(columns) + "|"]
    for tally in tallies:
        cells = " | ".join(str(tally.counts[column]) for column in columns)
        lines.append(f"| {tally.name} | {cells} |")
    return "\n".join(lines)
