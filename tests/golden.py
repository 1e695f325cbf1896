"""The golden transcripts of an API, as tests read and play them. They are written by hand.

A case is a folder: `request.json`; `events.jsonl`, the canonical events of the answer, one object a
line with its class under `_`; `stream.sse`, what a client receives for them; `response.json`, the
whole answer. Where there is a `defaults.json`, an answer shows only where it differs from it. `$T`
stands for the call's token.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from polystack.apis.sse import Parser
from polystack.core import Api
from polystack.core.canon import errors, ir
from polystack.core.contract.api import Context

TOKEN = "0123456789abcdef0123456789abcdef"
CREATED = 1_700_000_000
Frame = tuple[str, dict[str, Any]]


class Golden:
    """The cases of one API: all, those with a stream, and those with a whole answer."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._root = Path(__file__).with_name("transcripts") / api.name
        self.cases = sorted(folder.parent.name for folder in self._root.glob("*/request.json"))
        self.streams = [case for case in self.cases if self._has(case, "stream.sse")]
        self.answers = [case for case in self.cases if self._has(case, "response.json")]

    def _has(self, case: str, name: str) -> bool:
        return (self._root / case / name).exists()

    def text(self, case: str, name: str) -> str:
        return (self._root / case / name).read_text().replace("$T", TOKEN)

    def request(self, case: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text(case, "request.json"))
        return document

    def response(self, case: str) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if self._has("", "defaults.json"):
            answer = json.loads(self.text("", "defaults.json"))
        answer |= json.loads(self.text(case, "response.json"))
        return answer

    def stream(self, case: str) -> bytes:
        return self.text(case, "stream.sse").encode()

    def events(self, case: str) -> list[ir.Event]:
        return [_node(json.loads(line)) for line in self.text(case, "events.jsonl").splitlines()]

    def context(self) -> Context:
        return Context(TOKEN, CREATED, "tiny")

    def encode(self, document: object, script: list[ir.Event]) -> bytes:
        """The stream that a client of this request receives for these events."""
        encoder = self.api.encoder(self.api.decode(document), self.context())
        return b"".join(encoder.feed(event) for event in script)

    def decode(self, stream: bytes) -> list[ir.Event]:
        """The events that a client of an upstream reads from this stream."""
        decoder, parser = self.api.decoder(), Parser()
        read = [e for event in parser.feed(stream) for e in decoder.feed(event.event, event.data)]
        return [*read, *decoder.close()]


def frames(stream: bytes) -> list[Frame]:
    """The events of a stream with their data parsed; Chat's `[DONE]` is an empty object."""
    read = Parser().feed(stream)
    return [(e.event, {} if e.data == b"[DONE]" else json.loads(e.data)) for e in read]


def comments(stream: bytes) -> list[str]:
    return [line[2:] for line in stream.decode().split("\n") if line.startswith(": ")]


def comparable(events: list[ir.Event]) -> list[Any]:
    """The events with their errors as words, since errors have no equality of their own."""
    return [_words(event.error) if isinstance(event, ir.Failed) else event for event in events]


def _words(error: errors.StackError) -> tuple[str, str, str | None]:
    return type(error).__name__, error.message, error.code


def _node(value: Any) -> Any:
    """A JSON value as the IR means it: `_` names a class, lists are tuples."""
    if isinstance(value, str) and value.startswith("bytes:"):
        return bytes.fromhex(value.removeprefix("bytes:"))
    if isinstance(value, str) and value.startswith("UpstreamError: "):
        return errors.UpstreamError(value.removeprefix("UpstreamError: "))
    if isinstance(value, list):
        return tuple(_node(item) for item in value)
    if isinstance(value, dict) and "_" in value:
        name = value.pop("_")
        keep = "data" if name == "Opaque" else "extra"
        fields = {k: v if k == keep else _node(v) for k, v in value.items()}
        return getattr(ir, name)(**fields)
    return value
