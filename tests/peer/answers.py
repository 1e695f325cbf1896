"""What the peer puts on the socket: bytes, and pauses between them.

The helpers write heads and chunk sizes; a whole `Answer` may also be any bytes at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

GAP = 0.003  # seconds, so that two writes are two reads
EVENT_STREAM = "text/event-stream; charset=utf-8"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Hang:
    """Say nothing more until the client goes away."""


@dataclass(frozen=True)
class Drop:
    """Break the connection off, with a reset."""


Piece: TypeAlias = bytes | float | Hang | Drop
"""Bytes are one write, a number is a pause in seconds."""


@dataclass(frozen=True)
class Answer:
    """The connection stays open behind the last piece, unless `close` is set."""

    pieces: tuple[Piece, ...]
    close: bool = False


def whole(
    body: bytes | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    kind: str = "application/json",
) -> Answer:
    """An answer in one write, with its length."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = {"content-length": str(len(sent))}
    return Answer((_head(status, {"content-type": kind, **length, **(headers or {})}) + sent,))


def refused(
    status: int, message: str = "no", headers: Mapping[str, str] | None = None, **fields: Any
) -> Answer:
    """An error in the envelope that OpenAI and Anthropic have in common."""
    error = {"message": message, "type": "invalid_request_error", **fields}
    return whole({"type": "error", "error": error}, status, headers)


def streamed(
    body: bytes,
    cuts: Sequence[int] = (),
    headers: Mapping[str, str] | None = None,
    chunked: bool = True,
    then: Sequence[Piece] | None = None,
) -> Answer:
    """A stream in as many writes as there are cuts, and one; `then` is in place of its end."""
    framing = {"transfer-encoding": "chunked"} if chunked else {"connection": "close"}
    head = _head(200, {"content-type": EVENT_STREAM, **framing, **(headers or {})})
    pieces = [_chunk(piece) if chunked else piece for piece in cut(body, cuts)]
    last = b"0\r\n\r\n" if chunked else b""
    end: Sequence[Piece] = [last] if then is None else then
    return Answer((head, *_spaced(pieces), *end), close=not chunked)


def cut(body: bytes, at: Iterable[int]) -> list[bytes]:
    """The body in pieces that end at these places."""
    places = [0, *sorted({place for place in at if 0 < place < len(body)}), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


def _spaced(pieces: Iterable[bytes]) -> Iterator[Piece]:
    for piece in pieces:
        yield GAP
        yield piece


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
