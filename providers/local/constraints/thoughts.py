"""What is known of a model's thoughts before it answers."""

from __future__ import annotations

from dataclasses import dataclass

from ..formats.reasoning import REASONING, ReasoningFormat


@dataclass(frozen=True, slots=True)
class Thoughts:
    """Whether the prompt ends inside of them, and whether the model may begin some."""

    open: bool = False
    possible: bool = False
    format: ReasoningFormat = REASONING["think"]
