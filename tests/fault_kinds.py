"""What an upstream can do wrong, as the bytes that it then sends, and what a client must see.

A kind is asked for by the model's name, so that many can be played side by side. Its cell says how
a call ends: with a status before anything was shown, or with one terminal of a stream.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from peer import Answer, Drop, Hang, Piece, Received, streamed, transcripts, whole

Body = dict[str, Any]
Play: TypeAlias = Callable[[str, bool], Answer]
"""The answer of an upstream of this protocol, to a call that is streamed or not."""

PROTOCOL = {path: name for name, path in transcripts.PATHS.items()}


@dataclass(frozen=True)
class Kind:
    """`status` is what a client of each protocol gets, by name or for all (`*`).

    `native` is the status where the bytes pass through, if it is another one. 0 is a stream that
    begins well and ends with an error; 200 a success.
    """

    play: Play
    status: dict[str, int]
    native: dict[str, int] | None = None
    streamed: bool | None = None  # for calls that are streamed only, or for the others only

    def expected(self, client: str, upstream: str) -> int:
        table = self.native if self.native is not None and client == upstream else self.status
        return table.get(client, table.get("*", -1))


def script(request: Received) -> Answer:
    """Plays the kind that the model is called."""
    asked = request.document
    kind = KINDS[asked["model"]]
    return kind.play(PROTOCOL[request.path], bool(asked.get("stream")))


# Whole answers -----------------------------------------------------------------------------------


def _error(status: int, **headers: str) -> Play:
    def play(upstream: str, stream: bool) -> Answer:
        error: Body = {"message": f"no, {status}", "type": TYPES.get(status, "api_error")}
        body = {"error": error | {"param": None, "code": None}}
        return whole({"type": "error", **body} if upstream == "messages" else body, status, headers)

    return play


TYPES = {
    400: "invalid_request_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _page(status: int) -> Play:
    page = b"<html><body><h1>Bad Gateway at 10.1.2.3</h1></body></html>"
    return lambda upstream, stream: whole(page, status, kind="text/html")


def _json(body: bytes) -> Play:
    return lambda upstream, stream: whole(body)


def _raw(*pieces: Piece, close: bool = True) -> Play:
    return lambda upstream, stream: Answer(pieces, close)


def _in_band_whole(upstream: str, stream: bool) -> Answer:
    error = {"message": "it broke", "type": "api_error", "code": None}
    return whole({"type": "error", "error": error} if upstream == "messages" else {"error": error})


def _truncated(upstream: str, stream: bool) -> Answer:
    body = transcripts.document(upstream, "text")
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return Answer((head.encode() + body[: len(body) // 2],), close=True)


def _zipped(upstream: str, stream: bool) -> Answer:
    headers = {"content-encoding": "gzip"}
    return whole(gzip.compress(transcripts.document(upstream, "text")), headers=headers)


def _other_way(upstream: str, stream: bool) -> Answer:
    """A document where a stream was asked for, and a stream where none was."""
    return transcripts.answer(upstream, "text", not stream)


# Streams -----------------------------------------------------------------------------------------


def blocks(upstream: str) -> list[bytes]:
    return [each + b"\n\n" for each in transcripts.stream(upstream, "text").split(b"\n\n") if each]


def _begun(upstream: str) -> bytes:
    """The events up to the first words."""
    count = {"messages": 4, "responses": 5, "chat": 2}[upstream]
    return b"".join(blocks(upstream)[:count])


def _then(*pieces: Piece, after: bytes = b"") -> Play:
    return lambda upstream, stream: streamed(_begun(upstream) + after, then=pieces)


END: Piece = b"0\r\n\r\n"
DIALECTS: dict[str, bytes] = {
    "messages": b"event: error\n"
    b'data: {"type":"error","error":{"type":"api_error","message":"it"}}\n\n',
    "responses": b'event: error\ndata: {"type":"error","code":"server_error","message":"it",'
    b'"param":null,"sequence_number":9}\n\n',
    "chat": b'data: {"error":{"message":"it","type":"server_error","code":500}}\n\n',
}


def _in_band(first: bool) -> Play:
    def play(upstream: str, stream: bool) -> Answer:
        return streamed((b"" if first else _begun(upstream)) + DIALECTS[upstream])

    return play


def _vllm(upstream: str, stream: bool) -> Answer:
    error = b'data: {"object":"error","message":"it","type":"BadRequestError","code":400}\n\n'
    return streamed(_begun(upstream) + (error if upstream == "chat" else DIALECTS[upstream]))


def _split(upstream: str, stream: bool) -> Answer:
    body = transcripts.stream(upstream, "text")
    at = body.index("öln".encode()) + 1
    return streamed(body, (at, at + 4, body.index("😀".encode()) + 2))


def _behind(upstream: str, stream: bool) -> Answer:
    return streamed(transcripts.stream(upstream, "text") + b": more\n\nid: 7\n\n")


def _unmarked(upstream: str, stream: bool) -> Answer:
    """Chat without its `[DONE]`, which some servers leave out."""
    return streamed(transcripts.stream(upstream, "text").replace(b"data: [DONE]\n\n", b""))


def _both(play: Play) -> Play:
    """A kind of both ways: what is played for streams only, the good answer for others."""
    return lambda upstream, stream: (
        play(upstream, stream) if stream else transcripts.answer(upstream, "text", False)
    )


BUSY = {"messages": 529, "*": 503}

KINDS: dict[str, Kind] = {
    "reset": Kind(_raw(Drop()), {"*": 502}),
    "closed": Kind(_raw(b""), {"*": 502}),
    "garbage": Kind(_raw(b"SSH-2.0-nope\r\n\r\n"), {"*": 502}),
    "stall": Kind(_raw(Hang()), {"*": 504}),
    "400": Kind(_error(400), {"*": 400}),
    "404": Kind(_error(404), {"*": 404}),
    "413": Kind(_error(413), {"*": 413}),
    "429": Kind(_error(429, **{"retry-after": "7"}), {"*": 429}),
    "500": Kind(_error(500), {"*": 502}, {"*": 500}),
    "503": Kind(_error(503), BUSY, {"*": 503}),
    "529": Kind(_error(529), BUSY, {"*": 529}),
    "401": Kind(_error(401), {"*": 502}),
    "403": Kind(_error(403), {"*": 502}),
    "redirect": Kind(
        _raw(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
        {"*": 502},
    ),
    "page-502": Kind(_page(502), {"*": 502}),
    "page-200": Kind(_page(200), {"*": 502}),
    "bad-json": Kind(_json(b'{"id": "x", '), {"*": 502}),
    "empty": Kind(_json(b""), {"*": 502}),
    "in-band": Kind(_in_band_whole, {"*": 502}),
    "truncated": Kind(_truncated, {"*": 502}),
    "zipped": Kind(_zipped, {"*": 200}, streamed=False),
    # A document says as much as a stream; where bytes pass, a client waits for the other in vain.
    "other-way": Kind(_other_way, {"*": 200}, {"*": 502}),
    "no-events": Kind(lambda upstream, stream: streamed(b""), {"*": 502}, streamed=True),
    "half-event": Kind(
        lambda upstream, stream: streamed(blocks(upstream)[0][:20]), {"*": 502}, streamed=True
    ),
    "error-first": Kind(_in_band(True), {"*": 502}, {"*": 0}, streamed=True),
    "error-midway": Kind(_in_band(False), {"*": 0}, streamed=True),
    "error-of-vllm": Kind(_vllm, {"*": 0}, streamed=True),
    "bad-event": Kind(_then(END, after=b"data: {oh no\n\n"), {"*": 0}, streamed=True),
    "bad-utf8": Kind(_then(END, after=b'data: "\xff\xfe"\n\n'), {"*": 0}, streamed=True),
    "early-end": Kind(_then(END), {"*": 0}, streamed=True),
    "half-end": Kind(_then(END, after=b'data: {"id": "ch'), {"*": 0}, streamed=True),
    "cut": Kind(_then(Drop()), {"*": 0}, streamed=True),
    "cut-chunk": Kind(_then(b"ff\r\ndata: {"), {"*": 0}, streamed=True),
    "stall-midway": Kind(_then(Hang()), {"*": 0}, streamed=True),
    "split-utf8": Kind(_split, {"*": 200}, streamed=True),
    "trailing": Kind(_behind, {"*": 200}, streamed=True),
    "no-done": Kind(_unmarked, {"*": 200}, streamed=True),
}


# What a client makes of a stream's bytes ---------------------------------------------------------


def terminals(client: str, body: bytes) -> list[str]:
    """The terminals of a stream in their order, each `success` or `error`."""
    found = []
    for block in body.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        name = fields.get(b"event", b"").decode()
        data = fields.get(b"data", b"")
        document = _object(data)
        match client:
            case "messages" if name in ("message_stop", "error"):
                found.append("error" if name == "error" else "success")
            case "responses" if name in ("response.completed", "response.incomplete"):
                found.append("success")
            case "responses" if name in ("response.failed", "error"):
                found.append("error")
            case "chat" if data == b"[DONE]":
                found.append("success")
            case "chat" if "error" in document:  # what the SDK looks for
                found.append("error")
            case _:
                pass
    return found


def _object(data: bytes) -> Body:
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
