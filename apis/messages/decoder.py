"""The stream, or the whole answer, of an upstream as events.

A whole answer is read as the shortest stream that says the same, so there is one reader. Blocks
may overlap, since some servers let them; an index never opens twice, and only `message_stop`
after a stop reason is a success. Event and delta types that are unknown are skipped, as the
protocol's versioning asks of its clients; unknown blocks are kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

import orjson

from ...core.canon import ir
from ...core.canon.errors import UpstreamError
from ...core.contract.api import Decoder
from .errors import error_of
from .vocabulary import NAME, arguments_of, citation_of, stop_of, usage_of

Fields: TypeAlias = dict[str, Any]
T = TypeVar("T")

_STOP_FIELDS = ("stop_reason", "stop_sequence", "stop_details")
_MESSAGE_FIELDS = ("id", "type", "role", "model", "content", "usage", *_STOP_FIELDS)


class MessagesDecoder(Decoder):
    """One stream; what breaks the protocol ends it with a `Failed`."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._seen: set[int] = set()
        self._started = False
        self._over = False
        self._usage: Fields = {}
        self._stop: Fields = {}
        self._rest: Fields = {}

    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]:
        try:
            document = orjson.loads(data)
        except ValueError:
            return self._guarded(_raising("the upstream sent an event that is not JSON"))
        return self.read(document)

    def read(self, document: object) -> list[ir.Event]:
        return self._guarded(self._events(document))

    def close(self) -> Iterable[ir.Event]:
        return self._guarded(_raising("the upstream's stream ended before its answer did"))

    def _guarded(self, events: Iterator[ir.Event]) -> list[ir.Event]:
        if self._over:
            return []
        read: list[ir.Event] = []
        try:
            read += events
        except UpstreamError as error:
            read.append(ir.Failed(error))
        self._over = bool(read) and isinstance(read[-1], ir.Finished | ir.Failed)
        return read

    def _events(self, document: object) -> Iterator[ir.Event]:
        if not isinstance(document, dict):
            raise UpstreamError("the upstream sent an event that is not an object")
        # Proxies speak of errors without a type.
        kind = document.get("type", "error" if document.get("error") else None)
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            return
        if not self._started and kind not in _BEFORE_START:
            raise UpstreamError(f"the upstream sent {kind} before message_start")
        yield from read(self, document)

    # One method for each type of event

    def _message_start(self, document: Fields) -> Iterator[ir.Event]:
        if self._started:
            raise UpstreamError("the upstream sent message_start twice")
        message = _get(document, "message", dict)
        self._started = True
        self._usage = _given(message.get("usage"))
        self._rest = {k: v for k, v in _given(message).items() if k not in _MESSAGE_FIELDS}
        usage = usage_of(self._usage) if self._usage else None
        identity = _get(message, "id", str), _get(message, "model", str)
        yield ir.Started(*identity, usage, extra=self._extra())

    def _block_start(self, document: Fields) -> Iterator[ir.Event]:
        index, block = _get(document, "index", int), _get(document, "content_block", dict)
        if index in self._seen:
            raise UpstreamError(f"the upstream opened content block {index} twice")
        self._seen.add(index)
        self._blocks[index] = _BLOCKS.get(_get(block, "type", str), _Other)(index, block)
        yield from self._blocks[index].start()

    def _block_delta(self, document: Fields) -> Iterator[ir.Event]:
        delta = _get(document, "delta", dict)
        yield from self._block(document).delta(_get(delta, "type", str), delta)

    def _block_stop(self, document: Fields) -> Iterator[ir.Event]:
        block = self._block(document)
        del self._blocks[block.index]
        yield from block.stop()

    def _message_delta(self, document: Fields) -> Iterator[ir.Event]:
        delta = _given(document.get("delta"))
        self._usage |= _given(document.get("usage"))
        self._stop |= {k: v for k, v in delta.items() if k in _STOP_FIELDS}
        self._rest |= {k: v for k, v in delta.items() if k not in _STOP_FIELDS}
        known = ("type", "delta", "usage")
        self._rest |= {k: v for k, v in _given(document).items() if k not in known}
        yield from ()

    def _message_stop(self, document: Fields) -> Iterator[ir.Event]:
        if self._blocks:
            raise UpstreamError(f"the upstream never closed content blocks {sorted(self._blocks)}")
        usage = usage_of(self._usage) if self._usage else None
        yield ir.Finished(stop_of(self._stop), usage, extra=self._extra())

    def _error(self, document: Fields) -> Iterator[ir.Event]:
        yield ir.Failed(error_of(document.get("error")))

    def _ping(self, document: Fields) -> Iterator[ir.Event]:
        yield ir.Ping()

    def _block(self, document: Fields) -> _Block:
        index = _get(document, "index", int)
        if index not in self._blocks:
            raise UpstreamError(f"the upstream wrote to content block {index}, which is not open")
        return self._blocks[index]

    def _extra(self) -> ir.Extra | None:
        return {NAME: dict(self._rest)} if self._rest else None


_BEFORE_START = ("message_start", "ping", "error")
_READERS: dict[str, Callable[[MessagesDecoder, Fields], Iterator[ir.Event]]] = {
    "message_start": MessagesDecoder._message_start,
    "content_block_start": MessagesDecoder._block_start,
    "content_block_delta": MessagesDecoder._block_delta,
    "content_block_stop": MessagesDecoder._block_stop,
    "message_delta": MessagesDecoder._message_delta,
    "message_stop": MessagesDecoder._message_stop,
    "error": MessagesDecoder._error,
    "ping": MessagesDecoder._ping,
}


def events(document: object) -> Iterable[ir.Event]:
    """The events of a whole answer, read as a stream."""
    decoder = MessagesDecoder()
    for event in _as_stream(document):
        yield from decoder.read(event)
    yield from decoder.close()


def _as_stream(document: object) -> Iterator[Fields]:
    fields = document if isinstance(document, dict) else {}
    content = fields.get("content")
    if fields.get("type") == "error":
        yield fields
        return
    if fields.get("type") != "message" or not isinstance(content, list):
        yield {"type": "error", "error": {"message": "the upstream's answer is not a message"}}
        return
    yield {"type": "message_start", "message": fields}
    for index, block in enumerate(content):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    stop = {name: fields.get(name) for name in _STOP_FIELDS}
    yield {"type": "message_delta", "delta": stop}
    yield {"type": "message_stop"}


# Blocks ------------------------------------------------------------------------------------------


class _Block:
    """A content block that is open: how it starts, grows and ends as a part."""

    def __init__(self, index: int, block: Fields) -> None:
        self.index = index
        self.block = block

    def start(self) -> Iterator[ir.Event]:
        raise NotImplementedError

    def delta(self, kind: str, delta: Fields) -> Iterator[ir.Event]:
        yield from ()

    def stop(self) -> Iterator[ir.Event]:
        yield ir.PartEnded(self.index)

    def text(self, text: str) -> Iterator[ir.Event]:
        if text:
            yield ir.Delta(self.index, text)

    def extra(self, *known: str) -> ir.Extra | None:
        rest = {k: v for k, v in _given(self.block).items() if k != "type" and k not in known}
        return {NAME: rest} if rest else None


class _Text(_Block):
    def start(self) -> Iterator[ir.Event]:
        citations = tuple(
            _citation(each) for each in _optional(self.block, "citations", list) or ()
        )
        part = ir.Text("", citations, extra=self.extra("text", "citations"))
        yield ir.PartStarted(self.index, part)
        yield from self.text(_get(self.block, "text", str))

    def delta(self, kind: str, delta: Fields) -> Iterator[ir.Event]:
        if kind == "text_delta":
            yield from self.text(_get(delta, "text", str))
        elif kind == "citations_delta":
            yield ir.PartAnnotated(self.index, _citation(delta.get("citation")))


class _Thinking(_Block):
    """A signature that is empty is none."""

    def start(self) -> Iterator[ir.Event]:
        signature = _optional(self.block, "signature", str) or None
        part = ir.Reasoning(signature=signature, extra=self.extra("thinking", "signature"))
        yield ir.PartStarted(self.index, part)
        yield from self.text(_get(self.block, "thinking", str))

    def delta(self, kind: str, delta: Fields) -> Iterator[ir.Event]:
        if kind == "thinking_delta":
            yield from self.text(_get(delta, "thinking", str))
        elif kind == "signature_delta" and delta.get("signature"):
            signature = ir.Reasoning(signature=_get(delta, "signature", str))
            yield ir.PartAnnotated(self.index, signature)


class _RedactedThinking(_Block):
    def start(self) -> Iterator[ir.Event]:
        part = ir.Reasoning(sealed=_get(self.block, "data", str), extra=self.extra("data"))
        yield ir.PartStarted(self.index, part)


class _ToolUse(_Block):
    """The input comes as deltas; where none came, what the block started with holds."""

    def __init__(self, index: int, block: Fields) -> None:
        super().__init__(index, block)
        self._streamed = False

    def start(self) -> Iterator[ir.Event]:
        identity = _get(self.block, "id", str), _get(self.block, "name", str)
        call = ir.ToolCall(*identity, "", extra=self.extra("id", "name", "input"))
        yield ir.PartStarted(self.index, call)

    def delta(self, kind: str, delta: Fields) -> Iterator[ir.Event]:
        if kind == "input_json_delta":
            partial = _get(delta, "partial_json", str)
            self._streamed |= bool(partial)
            yield from self.text(partial)

    def stop(self) -> Iterator[ir.Event]:
        if not self._streamed:
            yield from self.text(arguments_of(_optional(self.block, "input", dict) or {}))
        yield ir.PartEnded(self.index)


class _Other(_Block):
    """Kept until it is whole: the fields of its deltas are joined to those it started with."""

    def __init__(self, index: int, block: Fields) -> None:
        super().__init__(index, dict(block))
        self._input = ""

    def start(self) -> Iterator[ir.Event]:
        yield from ()

    def delta(self, kind: str, delta: Fields) -> Iterator[ir.Event]:
        if kind == "input_json_delta":
            self._input += _get(delta, "partial_json", str)
            return
        for name, value in delta.items():
            before = self.block.get(name)
            if name == "type":
                continue
            joined = isinstance(before, str) and isinstance(value, str)
            self.block[name] = before + value if joined else value
        yield from ()

    def stop(self) -> Iterator[ir.Event]:
        if self._input:
            try:
                self.block["input"] = orjson.loads(self._input)
            except ValueError:
                raise UpstreamError("the upstream sent a tool input that is not JSON") from None
        yield ir.Opaque(NAME, self.block["type"], self.block)


_BLOCKS: dict[str, type[_Block]] = {
    "text": _Text,
    "thinking": _Thinking,
    "redacted_thinking": _RedactedThinking,
    "tool_use": _ToolUse,
}


def _citation(value: object) -> ir.Citation:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise UpstreamError("the upstream sent a citation without a type")
    return citation_of(value)


# Fields ------------------------------------------------------------------------------------------


def _get(fields: Fields, name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if not isinstance(value, kind):
        where = fields.get("type", "an object")
        raise UpstreamError(f"the upstream sent {where} without a {kind.__name__} in {name!r}")
    return value


def _optional(fields: Fields, name: str, kind: type[T]) -> T | None:
    return None if fields.get(name) is None else _get(fields, name, kind)


def _given(fields: object) -> Fields:
    """The fields of an object that are not null; on this wire null says nothing."""
    if not isinstance(fields, dict):
        return {}
    return {name: value for name, value in fields.items() if value is not None}


def _raising(message: str) -> Iterator[ir.Event]:
    raise UpstreamError(message)
    yield
