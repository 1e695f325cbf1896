"""Requests that crash the engine: clients try them again and again, and each time all others fail.

A request that was under way all alone when the process crashed, and a second time when it was tried
again, is not tried a third time. What others were under way with proves nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from . import codec

PROOF = 2  # crashes
SPAN = 600.0  # seconds in which they count


class Suspects:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: dict[object, ir.Node] = {}  # a request for each of its choices
        self._crashes: list[tuple[float, bytes]] = []  # when, and the mark of what did it

    @contextmanager
    def watched(self, request: ir.Node) -> Iterator[None]:
        """While it is under way; raises `InvalidRequest` for one that must not be."""
        self._refuse(request)
        key = object()
        self._under_way[key] = request
        try:
            yield
        finally:
            del self._under_way[key]

    def crashed(self) -> None:
        different = {id(request): request for request in self._under_way.values()}
        if len(different) == 1:
            self._crashes += [(self._clock(), _mark(request)) for request in different.values()]

    def _refuse(self, request: ir.Node) -> None:
        since = self._clock() - SPAN
        self._crashes = [crash for crash in self._crashes if crash[0] >= since]
        if not self._crashes:  # which is how it should be, and no work then
            return
        mark = _mark(request)
        if sum(crash[1] == mark for crash in self._crashes) >= PROOF:
            raise InvalidRequest(
                f"the engine's process crashed {PROOF} times over this very request; it is not "
                f"tried again for {SPAN / 60:.0f} minutes"
            )


def _mark(request: ir.Node) -> bytes:
    if isinstance(request, ir.Request):
        request = replace(request, headers={})  # a client may say there how often it has tried
    return hashlib.sha256(codec.encode(request)).digest()
