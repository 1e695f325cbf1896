"""Several keys for one server: the next request takes the one that rested longest.

A key that the server refused (401, 403) is left alone for a while, one that ran into its limit
(429) for as long as the server says. Where all of them rest, the one that is ready first is
tried anyway: the server's own answer is the best error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

REFUSED = 300.0  # seconds for which a key that was refused is left alone
LIMITED = 5.0  # seconds where a 429 does not say for how long


class Keys:
    def __init__(self, keys: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready = dict.fromkeys(keys, 0.0)  # when a key may be used again
        self._order = list(self._ready)

    def __len__(self) -> int:
        return len(self._ready)

    def take(self, tried: Sequence[str | None] = ()) -> str | None:
        """The key for the next try, or None where there are none or all of them were tried."""
        fresh = [key for key in self._order if key not in tried]
        if not fresh:
            return None
        now = self._clock()
        key = min(fresh, key=lambda key: max(0.0, self._ready[key] - now))
        self._order.remove(key)
        self._order.append(key)
        return key

    def refuse(self, key: str | None) -> None:
        self._rest(key, REFUSED)

    def limit(self, key: str | None, seconds: float | None) -> None:
        self._rest(key, LIMITED if seconds is None else seconds)

    @property
    def resting(self) -> int:
        now = self._clock()
        return sum(ready > now for ready in self._ready.values())

    def _rest(self, key: str | None, seconds: float) -> None:
        if key is not None:
            self._ready[key] = self._clock() + seconds
