"""What the local engines are to reach, always against another row of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OURS = ("polystack, chat", "polystack, messages", "polystack, responses")


@dataclass(frozen=True)
class Goal:
    """A measure of ours to the same of another, for some numbers of streams: the worst counts."""

    what: str
    sign: Literal["≥", "≤"]
    limit: float
    other: str
    rows: tuple[str, ...] = OURS
    streams: tuple[int, ...] = (1, 4, 8, 16)
    measure: str = "rate"
    models: tuple[str, ...] = ("tiny", "big")

    def met(self, figure: float) -> bool:
        return figure >= self.limit if self.sign == "≥" else figure <= self.limit


@dataclass(frozen=True)
class Fact:
    """A figure of ours alone."""

    what: str
    sign: Literal["≥", "≤"]
    limit: float
    name: str

    def met(self, figure: float) -> bool:
        return figure >= self.limit if self.sign == "≥" else figure <= self.limit


INSIDE = ("polystack, in process",)

GOALS = (
    Goal("in process, to the raw loop", "≥", 0.95, "raw loop", INSIDE, (4, 8, 16)),
    Goal("HTTP, to llama-server", "≥", 1.0, "llama-server"),
    Goal("HTTP at 8, to llama-server", "≥", 1.15, "llama-server", streams=(8,)),
    Goal("HTTP at 8, to llama_cpp.server", "≥", 4, "llama_cpp.server", streams=(8,)),
    Goal("first text at 8, to llama_cpp.server's", "≤", 1 / 8, "llama_cpp.server", streams=(8,),
         measure="first_p50"),
    Goal("in process, to BatchGenerator", "≥", 0.95, "BatchGenerator", INSIDE, models=("mlx",)),
    Goal("HTTP at 8, to mlx_lm.server", "≥", 1.5, "mlx_lm.server", streams=(8,), models=("mlx",)),
    Goal("HTTP, to examples/server", "≥", 1.5, "examples/server", models=("tiny",)),
)  # fmt: skip

FACTS = (
    Fact("a turn after 1,000 tokens begins sooner than the first, times", "≥", 10, "sooner"),
    Fact("a cancelled slot is free a step later and ms", "≤", 5, "later_ms"),
)
