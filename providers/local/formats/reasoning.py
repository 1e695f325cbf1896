"""The marks between which models think."""

from __future__ import annotations

from dataclasses import dataclass

THINK, THINK_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """`opens` and `closes` are empty for models that do not think in marks."""

    name: str
    families: str
    opens: str = ""
    closes: str = ""
    detected: tuple[str, ...] = ()  # texts of a chat template, of which one is enough


REASONING = {
    row.name: row
    for row in (
        ReasoningFormat(
            "think", "Qwen3, DeepSeek R1, GLM, Kimi K2 and most others", THINK, THINK_END
        ),
    )
}
