"""The client of every server: streams over plain sockets, one thread for all of them.

While streams run it only looks for the first text and for the end; what they held is read when all
are through, so that the client takes as little of the machine from the server as it can.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .sample import Answer, Refused

Protocol = Literal["chat", "messages", "responses"]
PATIENCE = 300  # seconds without a byte
HEADERS = {"messages": "anthropic-version: 2023-06-01\r\nx-api-key: dummy\r\n"}


@dataclass(frozen=True)
class Dialect:
    path: str
    text: re.Pattern[bytes]  # an event with text
    last: bytes  # what the last event holds


DIALECTS: dict[Protocol, Dialect] = {
    "chat": Dialect(
        "/v1/chat/completions", re.compile(rb'"(?:reasoning_)?content": ?"[^"]'), b"[DONE]"
    ),
    "messages": Dialect("/v1/messages", re.compile(rb'"(?:text|thinking)_delta"'), b"message_stop"),
    "responses": Dialect(
        "/v1/responses",
        re.compile(rb'"response\.(?:output|reasoning)_text\.delta"'),
        b'"response.completed"',
    ),
}


def body(protocol: Protocol, model: str, turns: Sequence[str], tokens: int) -> dict[str, Any]:
    """A request for a stream; the turns are the user's and the assistant's, one after the other."""
    said = [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(turns)
    ]
    common = {"model": model, "temperature": 0, "stream": True}
    match protocol:
        case "chat":
            usage = {"include_usage": True}
            return {**common, "messages": said, "max_tokens": tokens, "stream_options": usage}
        case "messages":
            return {**common, "messages": said, "max_tokens": tokens}
        case "responses":
            return {**common, "input": said, "max_output_tokens": tokens, "store": False}


class Stream:
    """One request on a connection of its own."""

    def __init__(self, port: int, protocol: Protocol, document: dict[str, Any]) -> None:
        self._dialect = DIALECTS[protocol]
        self._document = document
        content = json.dumps(document).encode()
        self._head = (
            f"POST {self._dialect.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"{HEADERS.get(protocol, '')}"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode() + content
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._received: list[bytes] = []
        self._tail = b""
        self._first = self._end = 0.0

    def send(self) -> None:
        self._begun = time.perf_counter()
        self.socket.sendall(self._head)

    def receive(self) -> bool:
        """Take what has come; whether it was the last of it."""
        data = self.socket.recv(1 << 16)
        self._end = time.perf_counter()
        self._received.append(data)
        # A mark may be split between two reads.
        seen, self._tail = self._tail + data, data[-64:]
        if not self._first and self._dialect.text.search(seen):
            self._first = self._end
        return not data or self._dialect.last in seen

    @property
    def begun(self) -> bool:
        """Whether there was any text."""
        return bool(self._first)

    def answer(self) -> Answer:
        received = b"".join(self._received)
        tokens = _tokens(received, self._document)
        if tokens is None:
            raise Refused(f"an answer without its end: …{received[-300:].decode(errors='replace')}")
        # A model with random weights may say nothing that is text.
        first = (self._first or self._end) - self._begun
        return Answer(tokens, first, self._end - self._begun)


def ask(
    port: int, protocol: Protocol, documents: Sequence[dict[str, Any]]
) -> tuple[list[Answer], float]:
    """All of them at once: the answers, and how long it took until the last one's end."""
    streams = [Stream(port, protocol, document) for document in documents]
    began = time.perf_counter()
    for stream in streams:
        stream.send()
    drain(streams)
    seconds = time.perf_counter() - began
    return [stream.answer() for stream in streams], seconds


def until(streams: Sequence[Stream], met: Callable[[], bool]) -> None:
    """Read all of them until something holds; none of them may end before."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        end = time.monotonic() + PATIENCE
        while not met():
            if time.monotonic() > end:
                raise Refused(f"nothing came for {PATIENCE} s")
            for key, _ in selector.select(0.001):
                if key.data.receive():
                    raise Refused("a stream ended that should have gone on")


def drain(streams: Sequence[Stream]) -> None:
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise Refused(f"nothing came for {PATIENCE} s")
            for key, _ in ready:
                if key.data.receive():
                    selector.unregister(key.fileobj)
                    key.data.socket.close()


def _tokens(received: bytes, document: dict[str, Any]) -> int | None:
    """As the server counts them; where it does not, the events that have text are counted.

    None where the answer has no end. One that was cut has all the tokens that it may have.
    """
    said, reason = 0, None
    for line in reversed(received.splitlines()):
        event = _event(line)
        usage = event.get("usage") or (event.get("response") or {}).get("usage") or {}
        counted = usage.get("completion_tokens", usage.get("output_tokens"))
        if counted:
            return int(counted)
        for choice in event.get("choices") or ():
            reason = reason or choice.get("finish_reason")
            said += bool((choice.get("delta") or {}).get("content"))
    return int(document["max_tokens"]) if reason == "length" else said if reason else None


def _event(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line[6:])) if line.startswith(b"data: {") else {}
    except ValueError:
        return {}
