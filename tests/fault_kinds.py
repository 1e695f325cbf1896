"""What an upstream can do wrong, and what a client of each protocol must see of it.

A kind is asked for by the model's name, so that many can be played side by side. Its cell says how
a call ends: with a status before anything was shown, or with one terminal of a stream.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import fault_plays as plays
from fault_plays import END, Play
from peer import Answer, Drop, Hang, Received, transcripts

SUCCESS = 200
BREAKS = 0
"""In place of a status: the stream begins well, and ends with an error."""

Outcomes: TypeAlias = Mapping[str, int] | int
"""Of clients of all protocols, or of each: of one that is not named `*` tells."""

PROTOCOL = {path: name for name, path in transcripts.PATHS.items()}


@dataclass(frozen=True)
class Kind:
    """`native` is the outcome where bytes pass through, if it is another one.

    `streamed` limits it to calls that are streamed, or to the others; `hasty` asks through a
    provider with small timeouts. `early` is the status where a broken connection overtakes the
    first words, which a busy machine reads too late.
    """

    play: Play
    outcomes: Outcomes
    native: Outcomes | None = None
    streamed: bool | None = None
    hasty: bool = False
    early: int | None = None

    def expected(self, client: str, upstream: str) -> int:
        passes = client == upstream and self.native is not None
        outcomes = self.native if passes and self.native is not None else self.outcomes
        return outcomes if isinstance(outcomes, int) else outcomes.get(client, outcomes["*"])


def script(request: Received) -> Answer:
    """Plays the kind that the model is called."""
    asked = request.document
    return KINDS[asked["model"]].play(PROTOCOL[request.path], bool(asked.get("stream")))


def streaming(play: Play, outcomes: Outcomes, native: Outcomes | None = None) -> Kind:
    return Kind(play, outcomes, native, streamed=True)


def stalling(play: Play, outcomes: Outcomes, streamed: bool | None = None) -> Kind:
    return Kind(play, outcomes, streamed=streamed, hasty=True)


REDIRECT = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
OVERLOADED = {"messages": 529, "*": 503}
DATE = "Sat, 21 Nov 2026 00:00:{:02} GMT"
SECRETS = "bad key upstream-key at http://10.1.2.3/v1"

NO_ANSWER = {
    "reset": Kind(plays.raw(Drop()), 502),
    "closed": Kind(plays.raw(b""), 502),
    "not-http": Kind(plays.raw(b"SSH-2.0-nope\r\n\r\n"), 502),
    "stall": stalling(plays.raw(Hang()), 504),
    "stall-in-head": stalling(plays.raw(b"HTTP/1.1 200 OK\r\nserv", Hang()), 504),
    "cut-in-head": Kind(plays.raw(b"HTTP/1.1 200 OK\r\nserv", Drop()), 502),
}
# Where bytes pass, an error's status and body do as well; a client then reads the server's own.
STATUSES = {
    "400": Kind(plays.error(400), 400),
    "404": Kind(plays.error(404), 404),
    "408": Kind(plays.error(408), 504, 408),
    "409": Kind(plays.error(409), 409),
    "413": Kind(plays.error(413), 413),
    "422": Kind(plays.error(422), 400, 422),
    "429": Kind(plays.error(429, retry_after="7"), 429),
    "429-ms": Kind(plays.error(429, retry_after_ms="1500"), 429),
    "429-date": Kind(plays.error(429, date=DATE.format(0), retry_after=DATE.format(10)), 429),
    "429-long": Kind(plays.error(429, retry_after="4000"), 429),
    "500": Kind(plays.error(500), 502, 500),
    "502": Kind(plays.error(502), 502),
    "503": Kind(plays.error(503), OVERLOADED, 503),
    "504": Kind(plays.error(504), 504),
    "529": Kind(plays.error(529), OVERLOADED, 529),
    # This server's credentials and its account: no fault of the client's, and not its business.
    "401": Kind(plays.error(401, SECRETS), 502),
    "402": Kind(plays.error(402, SECRETS), 502),
    "403": Kind(plays.error(403, SECRETS), 502),
    "redirect": Kind(plays.raw(REDIRECT), 502),
    "page-502": Kind(plays.page(502), 502),
    "page-503": Kind(plays.page(503), OVERLOADED),
    "500-cut": Kind(plays.short(500), 502),
}
BODIES = {
    "page-200": Kind(plays.page(200), 502),
    "no-content": Kind(plays.raw(b"HTTP/1.1 204 No Content\r\n\r\n"), 502),
    "bad-json": Kind(plays.body(b'{"id": "x", '), 502),
    "empty": Kind(plays.body(b""), 502),
    "nothing": Kind(plays.body(b"{}"), 502),
    "no-object": Kind(plays.body(b'["hello"]'), 502),
    "error-in-200": Kind(plays.in_band(500), 502),
    "limit-in-200": Kind(plays.in_band(429), 429),
    "truncated": Kind(plays.short(), 502),
    "cut-midway": Kind(plays.half_then(Drop()), 502, streamed=False),
    "stall-in-body": stalling(plays.half_then(Hang()), 504, streamed=False),
    "drip": stalling(plays.drip, 504, streamed=False),
    "gzip-cut": Kind(plays.encoded("gzip", plays.cut_archive), 502, {"*": 502}, streamed=False),
    "gzip-lie": Kind(plays.encoded("gzip", bytes), 502),
    "brotli": Kind(plays.encoded("br", bytes), 502),
    # A document says as much as a stream; where bytes pass, a client waits for the other in vain.
    "other-way": Kind(plays.other_way, 200, 502),
}
FIRST = {
    "no-events": streaming(plays.silent(END), 502),
    "head-and-cut": streaming(plays.silent(Drop()), 502),
    "head-and-stall": stalling(plays.silent(Hang()), 504, streamed=True),
    "half-event": streaming(plays.saying(b"data: {", True), 502),
    "page-as-stream": streaming(plays.saying(b"<html>\n<h1>no</h1>\n</html>", True), 502),
    # The first whole events are passed on before anybody could tell that no answer follows.
    "comments": streaming(plays.saying(b": a\n\n: b\n\n", True), 502, BREAKS),
    "error-first": streaming(plays.saying(plays.BROKE, True), 502, BREAKS),
    "limit-first": streaming(plays.saying(plays.LIMIT, True), 429, BREAKS),
    "busy-first": streaming(plays.saying(plays.BUSY, True), OVERLOADED, BREAKS),
    "bare-first": streaming(plays.saying(plays.BARE, True), 502, BREAKS),
    "vllm-first": streaming(plays.saying(plays.and_done(plays.VLLM), True), 502, BREAKS),
    "bad-first": streaming(plays.saying(b"data: {oh no\n\n", True), 502, BREAKS),
}
MIDWAY = {
    "error": streaming(plays.saying(plays.BROKE), BREAKS),
    "error-and-done": streaming(plays.saying(plays.and_done(plays.BROKE)), BREAKS),
    "error-unnamed": streaming(plays.saying(plays.UNNAMED), BREAKS),
    "error-bare": streaming(plays.saying(plays.BARE), BREAKS),
    "error-of-vllm": streaming(plays.saying(plays.VLLM), BREAKS),
    "error-of-vllm-and-done": streaming(plays.saying(plays.and_done(plays.VLLM)), BREAKS),
    "failed": streaming(plays.saying(plays.FAILED), BREAKS),
    "failed-and-done": streaming(plays.saying(plays.and_done(plays.FAILED)), BREAKS),
    "bad-event": streaming(plays.saying(b"data: {oh no\n\n"), BREAKS),
    "bad-utf8": streaming(plays.saying(b'data: "\xff\xfe"\n\n'), BREAKS),
    "list-event": streaming(plays.saying(b"data: [1, 2]\n\n"), BREAKS),
    "page": streaming(plays.saying(b"\n\n<html>\n<h1>no</h1>\n</html>\n\n"), BREAKS),
    "early-end": streaming(plays.then(END), BREAKS),
    "half-event-end": streaming(plays.then(END, after=b'data: {"id": "ch'), BREAKS),
    "cut": Kind(plays.then(Drop()), BREAKS, streamed=True, early=502),
    "cut-chunk": Kind(plays.then(b"ff\r\ndata: {", Drop()), BREAKS, streamed=True, early=502),
    "bad-chunk": Kind(plays.then(b"zz\r\ndata: {"), BREAKS, streamed=True, early=502),
    "stalled": stalling(plays.then(Hang()), BREAKS, streamed=True),
    "gzip-stream-cut": streaming(plays.encoded("gzip", plays.cut_archive), BREAKS),
}
HARMLESS = {
    "gzip": Kind(plays.encoded("gzip", gzip.compress), SUCCESS),
    "deflate": Kind(plays.encoded("deflate", zlib.compress), SUCCESS),
    "interim": Kind(plays.interim, SUCCESS),
    "bytes-behind": Kind(plays.and_more(b"HTTP/1.1 500 No\r\n\r\n"), SUCCESS),
    "split-utf8": streaming(plays.split, SUCCESS),
    "charset": streaming(plays.charset, SUCCESS),
    "byte-order-mark": streaming(plays.around(b"\xef\xbb\xbf"), SUCCESS),
    "comments-behind": streaming(plays.around(behind=b": more\n\n"), SUCCESS),
    "junk-behind": streaming(plays.around(behind=b"id: 7\n\ndata: {oh no\n\ndata: half"), SUCCESS),
    "cut-behind": streaming(plays.unclosed(), SUCCESS),
    "stall-behind": stalling(plays.unclosed(Hang()), SUCCESS, streamed=True),
    "no-done": streaming(plays.undone, SUCCESS),
}
KINDS: dict[str, Kind] = {
    **NO_ANSWER,
    **STATUSES,
    **BODIES,
    **FIRST,
    **MIDWAY,
    **HARMLESS,
}


# What a client makes of a stream's bytes ---------------------------------------------------------


def terminals(client: str, body: bytes) -> list[str]:
    """The terminals of a stream in their order, each `success` or `error`."""
    read = _READERS[client]
    ends = (read(name, data) for name, data in _events(body))
    return [end for end in ends if end is not None]


def _events(body: bytes) -> Iterator[tuple[str, bytes]]:
    for block in body.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        yield fields.get(b"event", b"").decode(), fields.get(b"data", b"")


def _message_end(name: str, data: bytes) -> str | None:
    """By its name alone: what has none is nothing to the SDK."""
    return {"message_stop": "success", "error": "error"}.get(name)


def _response_end(name: str, data: bytes) -> str | None:
    event = _object(data)
    if event.get("error"):
        return "error"
    return _RESPONSE_ENDS.get(str(event.get("type")))


def _chat_end(name: str, data: bytes) -> str | None:
    if data.startswith(b"[DONE]"):
        return "success"
    return "error" if _object(data).get("error") else None


_READERS = {"messages": _message_end, "responses": _response_end, "chat": _chat_end}
_RESPONSE_ENDS = {
    "response.completed": "success",
    "response.incomplete": "success",
    "response.failed": "error",
    "error": "error",
}


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
