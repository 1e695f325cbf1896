"""What the relays of all protocols share: whole events go on, and the few that matter are read.

A stream is watched by its bytes. Only events that hold one of a protocol's marks are parsed, so
that a token costs a search or two; and as those are then read properly, no text that a model
writes can pass for the end of its answer.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import orjson

from ..core.canon.errors import UpstreamError
from ..core.contract.api import Document, Relay
from .sse import Parser, SSEvent

# Two or more line ends; the group is atomic, so that the halves of a CRLF are never two.
_BOUNDARY = re.compile(rb"(?>\r\n|\n|\r){2,}")
LIMIT = 64 << 20  # bytes of one event


class Watcher(Relay):
    marks: ClassVar[tuple[bytes, ...]]
    """One of these is in every event that matters to `_look`."""

    def __init__(self) -> None:
        self._held: list[bytes] = []  # of the event that is not whole yet
        self._size = 0
        self._returns = False  # whether lines may end in CR or CRLF

    def feed(self, chunk: bytes) -> bytes:
        whole = self._whole(chunk)
        if whole and self._marked(whole):
            for piece in self._pieces(whole):
                for event in events(piece) if self._marked(piece) else ():
                    self._look(event)
        return whole

    def _pieces(self, whole: bytes) -> list[bytes]:
        """Single events where they are easily told apart, so that few of them are parsed."""
        if self._returns:
            return [whole]
        return [block + b"\n\n" for block in whole.split(b"\n\n") if block]

    def rest(self) -> bytes:
        return b"".join(self._held)

    @abstractmethod
    def _look(self, event: SSEvent) -> None: ...

    def _marked(self, whole: bytes) -> bool:
        return any(map(whole.__contains__, self.marks))

    def _whole(self, chunk: bytes) -> bytes:
        """The events that a chunk completes; what is left of it is held."""
        end = self._end(chunk)
        held, rest = self._held, chunk[end:]
        if not end:
            if chunk:
                held.append(chunk)
                self._hold(self._size + len(chunk))
            return b""
        self._held = [rest] if rest else []
        self._hold(len(rest))
        return b"".join([*held, chunk[:end]])

    def _hold(self, size: int) -> None:
        self._size = size
        if size > LIMIT:
            raise UpstreamError(f"an event of the upstream is longer than {LIMIT >> 20} MiB")

    def _end(self, chunk: bytes) -> int:
        """Where in a chunk the last event ends that is whole with it; 0 if there is none."""
        self._returns = self._returns or b"\r" in chunk
        if self._returns:
            return self._end_of_any(chunk)
        if (found := chunk.rfind(b"\n\n")) >= 0:
            return found + 2
        after_line = not self._held or self._held[-1].endswith(b"\n")
        return 1 if after_line and chunk.startswith(b"\n") else 0

    def _end_of_any(self, chunk: bytes) -> int:
        if chunk.endswith((b"\n\n", b"\n\r\n", b"\r\r")):
            return len(chunk)
        before = b"".join(self._held[-3:])[-3:] or b"\n"
        end = 0
        for match in _BOUNDARY.finditer(before + chunk):
            end = match.end()
        return max(end - len(before), 0)


def events(whole: bytes) -> Iterator[SSEvent]:
    """The events of bytes that end between two."""
    parser = Parser(LIMIT)
    yield from parser.feed(b"\n")  # a byte order mark is one at the start of the stream alone
    yield from parser.feed(whole)


def document(event: SSEvent) -> Document:
    """The object that an event holds; an empty one where it holds something else."""
    try:
        value = orjson.loads(event.data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
