"""Server-sent events, sans-IO: frames out, and a parser that takes any chunking of bytes.

Source: the HTML standard, section 9.2 (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from ..core.canon.errors import UpstreamError

BOM = b"\xef\xbb\xbf"
LINE_LIMIT = 8 << 20  # bytes of one unfinished line; a longer one is no event stream


def frame(data: Any, event: str | None = None) -> bytes:
    """One event with a JSON payload."""
    payload = orjson.dumps(data)
    if event is None:
        return b"data: " + payload + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + payload + b"\n\n"


def comment(text: str) -> bytes:
    """A line that every parser skips."""
    return b": " + text.replace("\r", " ").replace("\n", " ").encode() + b"\n\n"


_NAMED = re.compile(rb"event: [a-z_.]+").fullmatch


class SSEvent(NamedTuple):
    """One dispatched event; `event` is empty where the stream named none."""

    data: bytes
    event: str = ""


class Parser:
    """Feed it bytes as they arrive; it gives the events that became whole.

    Takes LF, CRLF and CR, a byte order mark, comments, `data:` with or without a space, and data
    of many lines. An event that the stream's end cuts off is dropped, as the standard says;
    `pending` then tells that something was.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._mark: bytes | None = b""  # what may become a byte order mark; None once decided
        self._line: list[bytes] = []  # pieces, so that a long line is not copied with each chunk
        self._length = 0
        self._data: list[bytes] = []
        self._event = ""
        self._size = 0
        self._after_cr = False

    @property
    def pending(self) -> bool:
        return bool(self._mark or self._length or self._data)

    def feed(self, chunk: bytes) -> Iterator[SSEvent]:
        if self._mark == b"" and chunk and not BOM.startswith(chunk[:1]):
            self._mark = None
        if self._fresh and len(chunk) <= self._limit and b"\r" not in chunk:
            # Nearly every chunk: whole events with LF, each a line of data with or without a name.
            *blocks, chunk = chunk.split(b"\n\n")
            for block in blocks:
                if block[:6] == b"data: " and b"\n" not in block:
                    yield SSEvent(block[6:])
                    continue
                name, _, data = block.partition(b"\n")
                if data[:6] == b"data: " and b"\n" not in data and _NAMED(name):
                    yield SSEvent(data[6:], name[7:].decode())
                else:
                    yield from self._slowly(block + b"\n\n")
        if chunk:
            yield from self._slowly(chunk)

    @property
    def _fresh(self) -> bool:
        """Whether the next byte begins an event."""
        return not (
            self._mark is not None or self._after_cr or self._length or self._size
        ) and not (self._data or self._event)

    def _slowly(self, chunk: bytes) -> Iterator[SSEvent]:
        for line in self._lines(chunk):
            if not line:
                if self._data:
                    yield SSEvent(b"\n".join(self._data), self._event)
                self._data, self._event, self._size = [], "", 0
            else:
                self._field(line)

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        chunk = self._without_mark(chunk)
        if not chunk:
            return
        if self._after_cr:
            # The LF of a CRLF that was split between two chunks.
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        first, *others = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._grow(first)
        if not others:
            return
        lines = [b"".join(self._line), *others[:-1]]
        self._line, self._length = [], 0
        self._grow(others[-1])
        yield from lines

    def _grow(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > self._limit:
            raise UpstreamError(f"a line of the event stream is longer than {self._limit} bytes")
        self._line.append(piece)

    def _without_mark(self, chunk: bytes) -> bytes:
        if self._mark is None:
            return chunk
        start = self._mark + chunk
        if len(start) < len(BOM) and BOM.startswith(start):
            self._mark = start
            return b""
        self._mark = None
        return start.removeprefix(BOM)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            if self._size > self._limit:
                raise UpstreamError(f"an event is longer than {self._limit} bytes")
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
