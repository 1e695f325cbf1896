"""What children tell of themselves unasked: their status, and how much they have read and written.

The first ends with each of them; the second counts on, since nobody outside knows of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....core.contract.provider import Residence

NOTHING = Residence("", "unloaded")


class Told:
    def __init__(self) -> None:
        self.status: Mapping[str, int] = {}
        self.restarts = 0
        self._now = self._past = NOTHING

    def hear(self, status: Mapping[str, int], residences: Sequence[Residence]) -> None:
        self.status = status
        self._now = next(iter(residences), self._now)  # of the one model that there is

    def forget(self) -> None:
        """The child that told it is gone."""
        self._past = self.counted(self._past)
        self.status, self._now = {}, NOTHING

    def counted(self, residence: Residence) -> Residence:
        """The same with the figures of all the processes that kept the model."""
        past, now = self._past, self._now
        return replace(
            residence,
            prompt_tokens=past.prompt_tokens + now.prompt_tokens,
            cached_tokens=past.cached_tokens + now.cached_tokens,
            output_tokens=past.output_tokens + now.output_tokens,
            tokens_per_second=now.tokens_per_second,
        )
