"""What one run of a few streams came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


class Refused(Exception):
    """A contestant that cannot be had, does not start, or does not do what it is asked."""


@dataclass(frozen=True)
class Answer:
    """One stream: its tokens, and seconds from the question to the first text and to the end."""

    tokens: int
    first: float
    seconds: float


@dataclass(frozen=True)
class Sample:
    tokens: int
    seconds: float
    first_p50: float
    first_max: float

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds

    @classmethod
    def of(cls, answers: Sequence[Answer], seconds: float) -> Sample:
        first = [answer.first for answer in answers]
        return cls(sum(answer.tokens for answer in answers), seconds, median(first), max(first))

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "rate": self.rate}
