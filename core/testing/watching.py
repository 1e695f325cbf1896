"""Sees what keeps an event loop from turning, and where.

Two ways, neither of which asks a clock how long something took. What blocks by its nature (a
sleep, a connection that is waited for) is seen the moment it happens. For the rest a thread looks
at the loop's own thread: a loop that answered nothing while many looks in a row found it at the
very same instruction is not slow but stuck there.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

LOOKS = 40  # in a row at the same instruction
PAUSE = 0.01  # seconds between two looks
STDLIB = sysconfig.get_path("stdlib")
PACKAGES = ("site-packages", "dist-packages")

_watched: dict[int, list[str]] = {}  # what was seen, by the thread of the loop
_hooked: list[bool] = []


@contextmanager
def watching() -> Iterator[list[str]]:
    """What blocks the running loop until the block is left, in a sentence each."""
    _hook()
    seen: list[str] = []
    thread, over = threading.get_ident(), threading.Event()
    loop = asyncio.get_running_loop()
    looker = threading.Thread(target=_look, args=(loop, thread, over, seen), daemon=True)
    _watched[thread] = seen
    looker.start()
    try:
        yield seen
    finally:
        del _watched[thread]
        over.set()
        looker.join()


# What blocks by its nature -----------------------------------------------------------------------


def _hook() -> None:
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_heard)  # which can never be taken off again


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if event not in _BLOCKING or (seen := _watched.get(threading.get_ident())) is None:
        return
    if what := _BLOCKING[event](args):
        _note(seen, f"{what} was called at {where(sys._getframe(1))}")


def _sleep(args: tuple[Any, ...]) -> str | None:
    return "time.sleep" if args[0] > 0 else None


def _connect(args: tuple[Any, ...]) -> str | None:
    waits = isinstance(args[0], socket.socket) and args[0].gettimeout() != 0
    return "socket.connect on a blocking socket" if waits else None


_BLOCKING = {"time.sleep": _sleep, "socket.connect": _connect}

# What turns out to block -------------------------------------------------------------------------


def _look(
    loop: asyncio.AbstractEventLoop, thread: int, over: threading.Event, seen: list[str]
) -> None:
    turned = threading.Event()
    turned.set()
    place, looks = (0, 0), 0
    while not over.wait(PAUSE):
        frame = sys._current_frames()[thread]
        here = id(frame), frame.f_lasti
        if turned.is_set() or here != place:
            place, looks = here, 0
        looks += 1
        if looks == LOOKS:
            _note(seen, f"the loop stood still at {where(frame)}")
        del frame  # it would keep alive what the provider has let go
        if turned.is_set():
            turned.clear()
            loop.call_soon_threadsafe(turned.set)


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
