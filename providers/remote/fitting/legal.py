"""Words that an upstream takes: of legal characters, short enough, and no two the same."""

from __future__ import annotations

import re
from collections.abc import Hashable


class Legal:
    """Gives every key a word of its own, near the one that is wanted, and always the same.

    What was asked for first keeps its word whatever comes later, so that the beginning of a
    conversation is written the same at every turn.
    """

    def __init__(self, limit: int, illegal: str | None = None) -> None:
        self._limit = limit
        self._illegal = re.compile(illegal) if illegal else None
        self._words: dict[Hashable, str] = {}
        self._taken: set[str] = set()

    def word(self, key: Hashable, wanted: str) -> str:
        if key not in self._words:
            self._words[key] = self._free(self._mended(wanted))
            self._taken.add(self._words[key])
        return self._words[key]

    def accepts(self, wanted: str) -> bool:
        return self._mended(wanted) == wanted

    def _mended(self, wanted: str) -> str:
        legal = self._illegal.sub("_", wanted) if self._illegal else wanted
        return legal[: self._limit] or "_"

    def _free(self, word: str) -> str:
        number, free = 1, word
        while free in self._taken:
            number += 1
            suffix = f"_{number}"
            free = word[: self._limit - len(suffix)] + suffix
        return free
