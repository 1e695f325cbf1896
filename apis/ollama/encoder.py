"""The events of one call as lines of JSON, the last of which says that it is done.

Parts come one after another; a tool call is one line, since its arguments are an object.
"""

from __future__ import annotations

from typing import ClassVar

import orjson

from ...core.canon import ir
from ...core.canon.collect import annotate
from ...core.canon.sequence import Sequencer
from ...core.contract.api import Context, Document
from ...core.contract.api import Encoder as BaseEncoder
from ...core.contract.losses import Ledger, noted
from ..serverside import Unshown
from . import output


class Encoder(BaseEncoder):
    content_type: ClassVar[str] = "application/x-ndjson"

    def __init__(self, request: ir.Request, context: Context) -> None:
        self._context = context
        self._head = output.head(context)
        self._generate = output.generated(request)
        self._sequencer = Sequencer()
        self._losses = Ledger()
        self._unshown = Unshown(self._losses)
        self._part: ir.Part | None = None
        self._arguments: list[str] = []
        self._told = False  # something of the open part
        self._calls = 0
        self._over = False

    def feed(self, event: ir.Event, choice: int = 0) -> bytes:
        if self._over:
            return b""
        match event:
            case ir.Ping():
                # An empty line would be no JSON, and no client skips one.
                return self._line(output.said(self._generate, ""))
            case ir.Failed(error=error):
                self._over = True
                return orjson.dumps({"error": error.message}) + b"\n"
            case _ if self._unshown.hides(event):
                return b""
            case _:
                return b"".join(self._write(ready) for ready in self._sequencer.feed(event))

    def _write(self, event: ir.Event) -> bytes:
        match event:
            case ir.Delta():
                return self._say(event.text, event.logprobs)
            case ir.PartStarted(part=part):
                self._part, self._told, self._arguments = part, False, []
                return self._say(_text_of(part))
            case ir.PartAnnotated(value=value):
                self._annotate(value)
                return b""
            case ir.PartEnded():
                return self._end()
            case ir.Finished():
                return self._finish(event)
            case ir.Opaque():
                output.lose_part(event, self._generate, self._losses)
                return b""
            case ir.Started():
                return b""
            case ir.Failed() | ir.Ping():
                raise AssertionError("the stream itself answers these")

    def _say(self, text: str, tokens: tuple[ir.TokenLogprob, ...] = ()) -> bytes:
        if not text and not tokens:
            return b""
        self._told = True
        match self._part:
            case ir.ToolCall():
                self._arguments.append(text)
                return b""
            case ir.Reasoning():
                return self._line(output.said(self._generate, "", thinking=text))
            case _:
                shown = output.logprobs(tokens)
                beside = {"logprobs": shown} if shown else {}
                return self._line(output.said(self._generate, text) | beside)

    def _annotate(self, value: ir.Citation | ir.Reasoning) -> None:
        if isinstance(value, ir.Citation):
            output.lose_part(ir.Text("", (value,)), self._generate, self._losses)
        else:
            assert self._part is not None
            self._part = annotate(self._part, value)

    def _end(self) -> bytes:
        part, self._part = self._part, None
        assert part is not None
        output.lose_part(part, self._generate, self._losses)
        match part:
            case ir.ToolCall() if not self._generate:
                arguments = "".join(self._arguments)
                call = output.call(part, arguments, self._calls, self._losses)
                self._calls += 1
                return self._line(output.said(False, "", tool_calls=[call]))
            case ir.Reasoning() if not self._told and part.summary:
                thought = "\n\n".join(part.summary)
                return self._line(output.said(self._generate, "", thinking=thought))
            case _:
                return b""

    def _finish(self, event: ir.Finished) -> bytes:
        self._over = True
        ending = output.end(event.stop, event.usage, self._losses)
        self._context.losses.add(*self._losses)
        line = self._head | output.said(self._generate, "") | ending | noted(self._losses)
        return orjson.dumps(line) + b"\n"

    def _line(self, piece: Document) -> bytes:
        return orjson.dumps(self._head | piece | {"done": False}) + b"\n"


def _text_of(part: ir.Part) -> str:
    match part:
        case ir.Text() | ir.Refusal() | ir.Reasoning():
            return part.text
        case ir.ToolCall():
            return part.arguments
        case _:
            return ""
