"""Drafts without a second model: what followed the last time the conversation read like this.

Agents repeat what they have read, file names, code and JSON above all. The engine decodes a draft
in one step with the token that it follows, and keeps of it what it would have chosen anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

SPAN = 3  # tokens that must be the same
FIRST = 4  # tokens of the first draft


class Lookup:
    """Of one conversation; `most` is the longest draft."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = min(FIRST, most)
        self._seen: dict[tuple[int, ...], int] = {}  # tokens -> the place behind them, the latest
        self._read = SPAN

    def draft(self, tokens: Sequence[int], room: int) -> list[int]:
        """What may follow the tokens, `room` of it at most."""
        for end in range(self._read, len(tokens)):
            self._seen[tuple(tokens[end - SPAN : end])] = end
        self._read = max(self._read, len(tokens))
        start = self._seen.get(tuple(tokens[-SPAN:]))
        if start is None or len(tokens) < SPAN:
            return []
        return list(tokens[start : start + min(self._size, room)])

    def learn(self, drafted: int, kept: int) -> None:
        """Longer drafts where they hold, shorter ones where they do not."""
        if kept == drafted:
            self._size = min(2 * self._size, self._most)
        elif 2 * kept < drafted:
            self._size = max(1, self._size // 2)
