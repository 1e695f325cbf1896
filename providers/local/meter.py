"""What a model has read and written since its provider started, and how fast it is."""

from __future__ import annotations

RECENT = 10.0  # seconds of work after which what was before counts half


class Meter:
    """The engine's thread writes, others read."""

    def __init__(self) -> None:
        self.prompt = 0  # tokens
        self.cached = 0  # tokens of prompts that were in memory already
        self.output = 0  # tokens
        self._tokens = 0.0
        self._seconds = 0.0

    def admitted(self, prompt: int, cached: int) -> None:
        self.prompt += prompt
        self.cached += cached

    def stepped(self, tokens: int, seconds: float) -> None:
        """A step of the engine's, which wrote some tokens for all that run together."""
        self.output += tokens
        self._tokens += tokens
        self._seconds += seconds
        if self._seconds > RECENT:
            self._tokens /= 2
            self._seconds /= 2

    @property
    def speed(self) -> float | None:
        """Tokens that were written in a second of work lately, reading prompts included."""
        return self._tokens / self._seconds if self._seconds else None
