"""What the gateway is to reach, always against another system in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .cases import PACED_STREAMS, Case

if TYPE_CHECKING:
    from .report import Figures

PASSED = Case("chat", "chat", "json")
PASSED_STREAM = Case("chat", "chat", "stream")
TRANSLATED = Case("messages", "chat", "json")
TRANSLATED_AGENT = Case("messages", "chat", "json", "agent")
TRANSLATED_STREAM = Case("messages", "chat", "stream")
PACED = Case("messages", "chat", "paced")
PACED_PASSED = Case("chat", "chat", "paced")


@dataclass(frozen=True)
class Goal:
    what: str
    sign: Literal["≥", "≤"]
    limit: float
    unit: str = ""

    def figure(self, figures: Figures) -> float | None:
        raise NotImplementedError

    def by_cpu(self, figures: Figures) -> float | None:
        """The same ratio by CPU time for each request, which other load disturbs less."""
        return None


@dataclass(frozen=True)
class Ratio(Goal):
    """Of our figure to another system's; `rate` and `event_rate` under 32 connections."""

    case: Case = PASSED
    other: str = "nginx"
    measure: str = "rate"

    def figure(self, figures: Figures) -> float | None:
        return figures.ratio(self.case, 32, self.other, self.measure)

    def by_cpu(self, figures: Figures) -> float | None:
        cost = figures.ratio(self.case, 32, self.other, "cpu_us")
        if cost is None or self.measure == "cpu_us":
            return None
        return 1 / cost


@dataclass(frozen=True)
class Added(Goal):
    """Milliseconds more than the yardstick, at the median, for a single client."""

    case: Case = TRANSLATED

    def figure(self, figures: Figures) -> float | None:
        added = figures.added(self.case, 1, "polystack", "latency_p50")
        return None if added is None else added / 1000


@dataclass(frozen=True)
class Late(Goal):
    """Milliseconds by which paced tokens come late, at the 99th percentile."""

    case: Case = PACED

    def figure(self, figures: Figures) -> float | None:
        late = figures.of(self.case, PACED_STREAMS, "polystack", "token_p99")
        return None if late is None else late / 1000


class Memory(Goal):
    def figure(self, figures: Figures) -> float | None:
        return figures.memory("polystack")


class ColdStart(Goal):
    def figure(self, figures: Figures) -> float | None:
        return figures.start("polystack", "cold_start")


@dataclass(frozen=True)
class Reached:
    goal: Goal
    figure: float
    by_cpu: float | None

    @property
    def good(self) -> bool:
        met = self.figure >= self.goal.limit
        return met if self.goal.sign == "≥" else self.figure <= self.goal.limit


def to_peers(what: str, limit: float, case: Case, measure: str = "rate") -> list[Goal]:
    return [
        Ratio(f"{what} to {peer}'s", "≥", limit, " ×", case, peer, measure)
        for peer in ("LiteLLM", "LiteLLM openai")
    ]


GOALS: tuple[Goal, ...] = (
    Ratio("passthrough JSON, rate to nginx's", "≥", 0.15, " ×", PASSED),
    *to_peers("passthrough JSON, rate", 120, PASSED),
    *to_peers("translated JSON, rate", 100, TRANSLATED),
    *to_peers("translated JSON of 57 KB, rate", 60, TRANSLATED_AGENT),
    *to_peers("translated stream, events", 70, TRANSLATED_STREAM, "event_rate"),
    Ratio(
        "translated stream, events to nginx's",
        "≥",
        0.3,
        " ×",
        TRANSLATED_STREAM,
        "nginx",
        "event_rate",
    ),
    Ratio("passthrough stream, CPU to nginx's", "≤", 2, " ×", PASSED_STREAM, "nginx", "cpu_us"),
    Added("added p50 of one client, translated JSON", "≤", 0.2, " ms"),
    Added("added p50 of one client, translated JSON of 57 KB", "≤", 0.5, " ms", TRANSLATED_AGENT),
    Late("100 paced streams, tokens late at p99, translated", "≤", 10, " ms"),
    Late("100 paced streams, tokens late at p99, passthrough", "≤", 10, " ms", PACED_PASSED),
    ColdStart("cold start to the first answer", "≤", 0.8, " s"),
    Memory("resident after load", "≤", 60, " MB"),
)
