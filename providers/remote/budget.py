"""How many tries again a server gets: a share of what goes well, so that retries never pile up."""

from __future__ import annotations

import random

SHARE = 0.1  # of all requests
RESERVE = 5.0  # tries that are there before any request was made, and the most that are saved up
BASE = 0.25  # seconds before the first try again; each later one waits up to twice as long
LONGEST = 4.0


class Budget:
    def __init__(self) -> None:
        self._saved = RESERVE

    def earn(self) -> None:
        """A request was made."""
        self._saved = min(RESERVE, self._saved + SHARE)

    def spend(self) -> bool:
        """Whether there is a try left, which is then gone."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def pause(attempt: int, retry_after: float | None) -> float | None:
    """Seconds to wait before the try after this one; None where it is longer than a client waits.

    Full jitter, since clients that failed together would otherwise come back together.
    """
    if retry_after is not None:
        return retry_after if retry_after <= LONGEST else None
    return random.uniform(0, min(LONGEST, BASE * 2**attempt))
