"""Sees what keeps an event loop from turning, and where.

Two ways, neither of which asks a clock how long something took. What blocks by its nature (a
sleep, a socket that is waited for) is seen the moment it is called. For the rest a thread looks
at the loop's own thread: a loop that answered nothing while many looks in a row found it at the
very same instruction is not slow but stuck there.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

LOOKS = 40  # in a row at the same instruction
PAUSE = 0.01  # seconds between two looks
WAITING = frozenset("accept connect recv recv_into recvfrom send sendall sendto".split())

STDLIB = sysconfig.get_path("stdlib")
PACKAGES = ("site-packages", "dist-packages")


@contextmanager
def watching() -> Iterator[list[str]]:
    """What blocks the running loop until the block is left, in a sentence each."""
    seen: list[str] = []
    looker = _Looker(seen)
    others = sys.getprofile()
    sys.setprofile(_listener(seen))
    looker.start()
    try:
        yield seen
    finally:
        sys.setprofile(others)
        looker.over.set()
        looker.join()


def _listener(seen: list[str]) -> Any:
    """A profiler of this thread, which hears of every call of a function that is written in C."""

    def heard(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (what := _blocking(called)):
            _note(seen, f"{what} was called at {where(frame)}")

    return heard


def _blocking(called: Any) -> str | None:
    if called is time.sleep:
        return "time.sleep"
    owner = getattr(called, "__self__", None)
    if isinstance(owner, socket.socket) and called.__name__ in WAITING and owner.gettimeout() != 0:
        return f"{called.__name__} of a blocking socket"
    return None


class _Looker(threading.Thread):
    """Looks at the thread that made it, which runs the loop."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()

    def run(self) -> None:
        turned = threading.Event()
        turned.set()
        place, looks = (0, 0), 0
        while not self.over.wait(PAUSE):
            frame = sys._current_frames()[self._watched]
            here = id(frame), frame.f_lasti
            looks = looks + 1 if here == place and not turned.is_set() else 1
            place = here
            if looks == LOOKS:
                _note(self._seen, f"the loop stood still at {where(frame)}")
            del frame  # it would keep alive what the provider has let go
            if turned.is_set():
                turned.clear()
                self._loop.call_soon_threadsafe(turned.set)


def _note(seen: list[str], what: str) -> None:
    if what not in seen:
        seen.append(what)


def where(frame: FrameType) -> str:
    """The innermost line outside the standard library, which is the one to change."""
    outer: FrameType | None = frame
    while outer is not None and _is_standard(outer.f_code.co_filename):
        outer = outer.f_back
    outer = outer or frame
    return f"{outer.f_code.co_filename}:{outer.f_lineno}"


def _is_standard(file: str) -> bool:
    installed = any(name in file for name in PACKAGES)
    return file.startswith((STDLIB, "<frozen")) and not installed
