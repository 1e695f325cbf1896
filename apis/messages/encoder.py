"""The events of one answer as the bytes of a stream.

At most one content block is open at a time: overlapping parts wait for their turn. Each kind of
part has a class below that knows how its block begins, grows and ends; a block takes its index
when it opens, so that indices are dense whatever is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

import orjson

from ...core.canon import ir
from ...core.canon.collect import annotate, complete
from ...core.canon.sequence import Sequencer
from ...core.contract.api import Context, Encoder
from ...core.contract.losses import HEADER, Ledger, fidelity
from ..sse import comment, frame
from .errors import envelope
from .response import content, frame_of_message, start_of_call
from .vocabulary import own, wire_citation, wire_delta_usage, wire_stop, wire_usage

PING = frame({"type": "ping"}, "ping")
STOP = frame({"type": "message_stop"}, "message_stop")


class MessagesEncoder(Encoder):
    """One message; there is only ever one choice."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._losses = Ledger()
        self._sequencer = Sequencer()
        self._positions = count()
        self._opaques = count(1)
        self._indices = count()
        self._block: _Block | None = None
        self._refused = False
        self._usage: ir.Usage | None = None
        self._over = False

    def feed(self, event: ir.Event, choice: int = 0) -> bytes:
        if self._over:
            return b""
        if isinstance(event, ir.Opaque):
            return b"".join([self._write(ready) for ready in self._queued(event)])
        return b"".join([self._write(ready) for ready in self._sequencer.feed(event)])

    def _queued(self, event: ir.Opaque) -> Iterator[ir.Event]:
        """Puts an opaque object into the queue of parts: it is a block, and may not overlap."""
        index = -next(self._opaques)
        yield from self._sequencer.feed(ir.PartStarted(index, event))
        yield from self._sequencer.feed(ir.PartEnded(index))

    def _write(self, event: ir.Event) -> bytes:
        match event:
            case ir.Delta():
                return self._open.delta(event)
            case ir.PartStarted(part=part):
                self._refused |= isinstance(part, ir.Refusal)
                self._block = _BLOCKS[type(part)](part, self._indices)
                return self._block.start()
            case ir.PartAnnotated(value=value):
                return self._open.annotate(value)
            case ir.PartEnded():
                return self._open.end(f"content.{next(self._positions)}", self._losses)
            case ir.Started():
                return self._start(event)
            case ir.Finished():
                return self._finish(event)
            case ir.Failed(error=error):
                self._over = True
                self._context.losses.add(*self._losses)
                return frame(envelope(error, f"req_{self._context.token}"), "error")
            case _:
                return PING

    @property
    def _open(self) -> _Block:
        assert self._block is not None
        return self._block

    def _start(self, event: ir.Started) -> bytes:
        self._usage = event.usage
        message = frame_of_message(self._context) | {"usage": wire_usage(event.usage)} | own(event)
        started = frame({"type": "message_start", "message": message}, "message_start")
        # The protocol wants counts here that an upstream of another one tells at the end only.
        estimated = event.usage is not None and event.usage.estimated
        return started + (comment("x-stack-usage estimated") if estimated else b"")

    def _finish(self, event: ir.Finished) -> bytes:
        self._over = True
        self._context.losses.add(*self._losses)
        value = fidelity(self._losses)
        note = b"" if value == "exact" else comment(f"{HEADER} {value}")
        rest = own(event)
        delta = {"container": rest.pop("container", None)}
        delta |= wire_stop(event.stop, refused=self._refused)
        usage = wire_delta_usage(event.usage or self._usage)
        data = {"type": "message_delta", "delta": delta, "usage": usage} | rest
        return frame(data, "message_delta") + note + STOP


_AFTER_TEXT = b"}}\n\n"
_AFTER = b'""' + _AFTER_TEXT

# Blocks ------------------------------------------------------------------------------------------


class _Block:
    """The block, or blocks, of one part. This one shows nothing until its part is whole."""

    delta_type: ClassVar[str] = ""
    delta_field: ClassVar[str] = ""

    def __init__(self, part: ir.Part, indices: Iterator[int]) -> None:
        self._part = part
        self._indices = indices
        self._index = -1
        self._texts: list[str] = []
        self._logprobs: tuple[ir.TokenLogprob, ...] = ()
        self._before = b""

    def start(self) -> bytes:
        return b""

    def delta(self, event: ir.Delta) -> bytes:
        self._texts.append(event.text)
        # One is enough to know that they are lost.
        self._logprobs = self._logprobs or event.logprobs
        return self.show(event.text) if event.text else b""

    def show(self, text: str) -> bytes:
        # All deltas of a block are alike but for the text: most of a stream is written here.
        if not self._before:
            self._before = self.put({"type": self.delta_type, self.delta_field: ""})[: -len(_AFTER)]
        return self._before + orjson.dumps(text) + _AFTER_TEXT

    def annotate(self, value: ir.Citation | ir.Reasoning) -> bytes:
        self._part = annotate(self._part, value)
        return b""

    def end(self, path: str, losses: Ledger) -> bytes:
        whole = complete(self._part, "".join(self._texts), self._logprobs)
        return self.close(content(whole, path, losses))

    def close(self, blocks: list[dict[str, Any]]) -> bytes:
        """The rest of the part, given the blocks that show the whole of it."""
        return b"".join([self.whole(block) for block in blocks])

    # Frames

    def open(self, block: dict[str, Any]) -> bytes:
        self._index = next(self._indices)
        data = {"type": "content_block_start", "index": self._index, "content_block": block}
        return frame(data, "content_block_start")

    def put(self, delta: dict[str, Any]) -> bytes:
        data = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return frame(data, "content_block_delta")

    def stop(self) -> bytes:
        data = {"type": "content_block_stop", "index": self._index}
        return frame(data, "content_block_stop")

    def whole(self, block: dict[str, Any]) -> bytes:
        """A block at one go; what a tool is given always comes as deltas."""
        given = block.get("input")
        if not isinstance(given, dict):
            return self.open(block) + self.stop()
        delta = {"type": "input_json_delta", "partial_json": json.dumps(given, ensure_ascii=False)}
        return self.open(block | {"input": {}}) + self.put(delta) + self.stop()


class _TextBlock(_Block):
    delta_type, delta_field = "text_delta", "text"

    def start(self) -> bytes:
        return self.open({"type": "text", "text": "", "citations": None} | own(self._part))

    def annotate(self, value: ir.Citation | ir.Reasoning) -> bytes:
        super().annotate(value)
        wire = wire_citation(value) if isinstance(value, ir.Citation) else None
        return self.put({"type": "citations_delta", "citation": wire}) if wire else b""

    def close(self, blocks: list[dict[str, Any]]) -> bytes:
        return self.stop()


class _ThinkingBlock(_Block):
    """It opens with its first text: until then it may yet turn out to be redacted."""

    delta_type, delta_field = "thinking_delta", "thinking"

    def show(self, text: str) -> bytes:
        return self._opened() + super().show(text)

    def close(self, blocks: list[dict[str, Any]]) -> bytes:
        return b"".join(
            [
                self._closed(block) if block["type"] == "thinking" else self.whole(block)
                for block in blocks
            ]
        )

    def _opened(self) -> bytes:
        if self._index >= 0:
            return b""
        return self.open({"type": "thinking", "thinking": "", "signature": ""} | own(self._part))

    def _closed(self, block: dict[str, Any]) -> bytes:
        unseen = b"" if self._index >= 0 or not block["thinking"] else self.show(block["thinking"])
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return unseen + self._opened() + self.put(signature) + self.stop()


class _ToolUseBlock(_Block):
    delta_type, delta_field = "input_json_delta", "partial_json"
    _part: ir.ToolCall

    def start(self) -> bytes:
        return self.open(start_of_call(self._part))

    def close(self, blocks: list[dict[str, Any]]) -> bytes:
        return self.stop()


class _CustomToolUseBlock(_ToolUseBlock):
    """Free text, streamed as the one string of a JSON object."""

    def start(self) -> bytes:
        return super().start() + _Block.show(self, '{"input":"')

    def show(self, text: str) -> bytes:
        return super().show(orjson.dumps(text)[1:-1].decode())

    def close(self, blocks: list[dict[str, Any]]) -> bytes:
        return _Block.show(self, '"}') + self.stop()


class _UnshownBlock(_Block):
    """A part that this protocol has no block for."""

    def show(self, text: str) -> bytes:
        return b""


def _block_of_call(part: ir.Part, indices: Iterator[int]) -> _Block:
    kinds = {"function": _ToolUseBlock, "custom": _CustomToolUseBlock, "server": _UnshownBlock}
    assert isinstance(part, ir.ToolCall)
    return kinds[part.kind](part, indices)


_BLOCKS = {
    ir.Text: _TextBlock,
    ir.Refusal: _TextBlock,
    ir.Reasoning: _ThinkingBlock,
    ir.ToolCall: _block_of_call,
    ir.Opaque: _Block,
    ir.Media: _UnshownBlock,
    ir.ToolResult: _UnshownBlock,
    ir.ToolListing: _UnshownBlock,
    ir.Approval: _UnshownBlock,
}
