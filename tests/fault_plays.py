"""The bytes of broken upstreams, each as a play: what it answers in a protocol, streamed or not.

What goes well in them is the transcript `text`; nothing comes from polystack's own encoders.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from open_responses import USUAL
from peer import Answer, Piece, streamed, transcripts, whole

Body = dict[str, Any]
Play: TypeAlias = Callable[[str, bool], Answer]
"""The answer of an upstream of this protocol, to a call that is streamed or not."""

Events: TypeAlias = Mapping[str, bytes]
"""The events of a stream in each protocol."""

LATER = 0.05  # seconds in which words are usually read before their connection breaks
EVENT_STREAM = "content-type: text/event-stream\r\n"
END: Piece = b"0\r\n\r\n"
SPLIT = "öln".encode()  # within a word, between two deltas


def raw(*pieces: Piece, close: bool = True) -> Play:
    return lambda upstream, stream: Answer(pieces, close)


def either(unstreamed: Play, as_stream: Play) -> Play:
    return lambda upstream, stream: (as_stream if stream else unstreamed)(upstream, stream)


def good(upstream: str, stream: bool) -> Answer:
    return transcripts.answer(upstream, "text", stream)


# Whole answers -----------------------------------------------------------------------------------

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(status: int, words: str = "no", **headers: str) -> Play:
    """An error in the envelope of its protocol, under its status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda upstream, stream: whole(_envelope(upstream, status, words), status, named)


def in_band(status: int) -> Play:
    """The same under a 200."""
    return lambda upstream, stream: whole(_envelope(upstream, status, "it broke"))


def _envelope(upstream: str, status: int, words: str) -> Body:
    fields: Body = {"message": words, "type": TYPES.get(status, "api_error")}
    if upstream == "messages":
        return {"type": "error", "error": fields}
    return {"error": fields | {"param": None, "code": str(status)}}


def page(status: int) -> Play:
    shown = b"<html><body><h1>Bad Gateway at 10.1.2.3</h1></body></html>"
    return lambda upstream, stream: whole(shown, status, kind="text/html")


def body(sent: bytes) -> Play:
    return lambda upstream, stream: whole(sent)


def short(status: int = 200) -> Play:
    """Half of the bytes that the head promises."""

    def play(upstream: str, stream: bool) -> Answer:
        sent = transcripts.document(upstream, "text")
        return Answer((_head(f"content-length: {len(sent)}\r\n", status), _half(sent)), close=True)

    return play


def half_then(*pieces: Piece) -> Play:
    def play(upstream: str, stream: bool) -> Answer:
        sent = transcripts.document(upstream, "text")
        return Answer((_head(f"content-length: {len(sent)}\r\n"), _half(sent), *pieces))

    return play


def encoded(encoding: str, encode: Callable[[bytes], bytes]) -> Play:
    """A whole answer or a stream, in a content encoding that nobody asked for."""

    def play(upstream: str, stream: bool) -> Answer:
        headers = {"content-encoding": encoding}
        if stream:
            return streamed(encode(transcripts.stream(upstream, "text")), headers=headers)
        return whole(encode(transcripts.document(upstream, "text")), headers=headers)

    return play


def cut_archive(sent: bytes) -> bytes:
    """Not compressed, so that it can be told what was said before the cut."""
    archive = gzip.compress(sent, 0)
    return archive[: archive.index(SPLIT)]


def interim(upstream: str, stream: bool) -> Answer:
    """Two answers that are none before the one that is."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    return Answer((early, *good(upstream, stream).pieces))


def and_more(extra: bytes) -> Play:
    """What nobody asked for, in the same write as the end of a good answer."""

    def play(upstream: str, stream: bool) -> Answer:
        *before, last = good(upstream, stream).pieces
        assert isinstance(last, bytes)
        return Answer((*before, last + extra), close=True)

    return play


def other_way(upstream: str, stream: bool) -> Answer:
    """A document where a stream was asked for, and a stream where none was."""
    return good(upstream, not stream)


def drip(upstream: str, stream: bool) -> Answer:
    """A good answer, a few bytes at a time and for longer than a hasty caller has."""
    sent = transcripts.document(upstream, "text")
    head = _head(f"content-length: {len(sent)}\r\n")
    drops: list[Piece] = [head]
    for i in range(20):
        drops += [0.1, sent[i : i + 1]]
    return Answer((*drops, sent[20:]))


# Streams -----------------------------------------------------------------------------------------


def begun(upstream: str) -> bytes:
    """The events up to the first words."""
    count = {"messages": 4, "responses": 5, "chat": 2}[upstream]
    return b"".join(blocks(upstream)[:count])


def blocks(upstream: str) -> list[bytes]:
    stream = transcripts.stream(upstream, "text")
    return [each + b"\n\n" for each in stream.split(b"\n\n") if each]


def then(*pieces: Piece, after: bytes = b"") -> Play:
    """A stream that begins well, and how its connection goes on a while later."""
    return lambda upstream, stream: streamed(begun(upstream) + after, then=(LATER, *pieces))


def saying(events: Events | bytes, first: bool = False) -> Play:
    """A stream that says this after its first words, or instead, and ends as if all were well."""

    def play(upstream: str, stream: bool) -> Answer:
        said = events if isinstance(events, bytes) else events[upstream]
        return streamed(said if first else begun(upstream) + said)

    return play


def silent(*pieces: Piece) -> Play:
    """The head of a stream, and none of its events."""
    head = _head(f"{EVENT_STREAM}transfer-encoding: chunked\r\n")
    return raw(head, *pieces)


def split(upstream: str, stream: bool) -> Answer:
    """Writes that end within letters of two bytes and of four."""
    sent = transcripts.stream(upstream, "text")
    at = sent.index(SPLIT) + 1
    return streamed(sent, (at, at + 4, sent.index("😀".encode()) + 2))


def around(before: bytes = b"", behind: bytes = b"") -> Play:
    """A whole good stream, with bytes around it."""
    return lambda upstream, stream: streamed(before + transcripts.stream(upstream, "text") + behind)


def unclosed(*pieces: Piece) -> Play:
    """A whole good stream, whose last chunk never comes."""

    def play(upstream: str, stream: bool) -> Answer:
        told = streamed(transcripts.stream(upstream, "text"), then=pieces)
        return Answer(told.pieces, close=True)

    return play


def undone(upstream: str, stream: bool) -> Answer:
    """Chat without its `[DONE]`, which some servers leave out."""
    return streamed(transcripts.stream(upstream, "text").replace(b"data: [DONE]\n\n", b""))


def charset(upstream: str, stream: bool) -> Answer:
    """A charset that an event stream never has."""
    headers = {"content-type": "text/event-stream; charset=iso-8859-1"}
    return streamed(transcripts.stream(upstream, "text"), headers=headers)


def _head(headers: str, status: int = 200) -> bytes:
    kind = "" if "content-type" in headers else "content-type: application/json\r\n"
    return f"HTTP/1.1 {status} Some\r\n{kind}{headers}\r\n".encode()


def _half(sent: bytes) -> bytes:
    return sent[: len(sent) // 2]


# Errors within a stream --------------------------------------------------------------------------


def said_so(kind: str, code: str) -> Events:
    """An error event as each protocol documents it."""
    return {
        "messages": b"event: error\n"
        b'data: {"type":"error","error":{"type":"%b","message":"it broke"}}\n\n' % kind.encode(),
        "responses": b'event: error\ndata: {"type":"error","sequence_number":9,"error":{'
        b'"type":"%b","code":"%b","message":"it broke","param":null}}\n\n'
        % (kind.encode(), code.encode()),
        "chat": b'data: {"error":{"message":"it broke","type":"error","param":null,"code":"%b"}}'
        b"\n\n" % code.encode(),
    }


BROKE = said_so("api_error", "server_error")
LIMIT = said_so("rate_limit_error", "rate_limit_exceeded")
BUSY = said_so("overloaded_error", "server_is_overloaded")
UNNAMED = {name: events.removeprefix(b"event: error\n") for name, events in BROKE.items()}
BARE = b'data: {"error":{"message":"it broke"}}\n\n'
VLLM = dict(BROKE) | {
    "chat": b'data: {"object":"error","message":"it broke","type":"InternalServerError",'
    b'"param":null,"code":500}\n\n'
}
"""vLLM's own dialect in Chat; no SDK takes it for an error."""

_FAILED = {
    "type": "response.failed",
    "sequence_number": 9,
    "response": USUAL
    | {
        "id": "resp_text",
        "status": "failed",
        "error": {"code": "server_error", "message": "it broke"},
    },
}
FAILED = dict(BROKE) | {
    "responses": b"event: response.failed\ndata: %b\n\n" % json.dumps(_FAILED).encode(),
    "chat": b'data: {"id":"chatcmpl-text","object":"chat.completion.chunk","created":1763683200,'
    b'"model":"wire-model-2026","choices":[{"index":0,"delta":{},"finish_reason":"error"}]}\n\n',
}
"""An answer that is called failed; in Chat by its finish reason alone, which no SDK looks at."""


def and_done(events: Events) -> Events:
    """Followed by Chat's `[DONE]`, which many servers send whatever came before."""
    return dict(events) | {"chat": events["chat"] + b"data: [DONE]\n\n"}
