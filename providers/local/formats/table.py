"""The formats by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .calls import Reader
from .hermes import CALL, CALL_END, hermes


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How a call is written: the marks that begin one anywhere, each with what reads on behind it.

    `starts` count only where a part of the answer begins, and as plain text without a word if no
    call follows. `answer` reads a whole answer that is no text with marks in it. `others` are the
    further marks that have to be seen.
    """

    name: str
    families: str
    marks: Mapping[str, Reader] = field(default_factory=dict)
    starts: Mapping[str, Reader] = field(default_factory=dict)
    answer: Reader | None = None
    others: tuple[str, ...] = ()
    # Texts of a chat template: of these groups, one has to be there in full.
    detected: tuple[tuple[str, ...], ...] = ()


FORMATS = {
    row.name: row
    for row in (ToolFormat("hermes", "Qwen 2.5 and 3, Hermes", {CALL: hermes}, others=(CALL_END,)),)
}
