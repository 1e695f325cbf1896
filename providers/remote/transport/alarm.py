"""One timer for all the waits of a connection.

A wait begins and ends with every read, so setting and clearing the alarm only notes a time. The
timer behind it is moved where it would be late; where it is early it looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._when: float | None = None  # None while nobody waits
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the timer looks

    def set(self, when: float) -> None:
        self._when = when
        if self._timer is None:
            self._arm(when)
        elif when < self._due:
            self._timer.cancel()
            self._arm(when)

    def clear(self) -> None:
        self._when = None

    def stop(self) -> None:
        self._when = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self._due = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._when is None:
            return
        if self._loop.time() < self._when:
            self._arm(self._when)
        else:
            self._when = None
            self._ring()
