"""The same stream in the framings that the standard of server-sent events allows."""

from __future__ import annotations

from collections.abc import Callable


def plain(stream: bytes) -> bytes:
    return stream


def crlf(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r\n")


def returns(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r")


def commented(stream: bytes) -> bytes:
    return b": hello\n\n" + stream.replace(b"\n\n", b"\n: between\n\n: alone\n\n")


def without_spaces(stream: bytes) -> bytes:
    return stream.replace(b"data: ", b"data:").replace(b"event: ", b"event:")


def with_other_fields(stream: bytes) -> bytes:
    return b"retry: 100\n\n" + stream.replace(b"data: ", b"id: 7\nx: y\ndata: ")


def with_more_lines(stream: bytes) -> bytes:
    """Data of two lines, with a line end where JSON may have one."""
    return stream.replace(b'data: {"', b'data: {\ndata: "')


def with_unknown_events(stream: bytes) -> bytes:
    return b'event: x.new\ndata: {"type": "x.new", "choices": []}\n\n' + stream


def after_its_end(stream: bytes) -> bytes:
    return stream + b": bye\n\n"


FRAMINGS: dict[str, Callable[[bytes], bytes]] = {
    framing.__name__: framing
    for framing in (
        plain,
        crlf,
        returns,
        commented,
        without_spaces,
        with_other_fields,
        with_more_lines,
        with_unknown_events,
        after_its_end,
    )
}
