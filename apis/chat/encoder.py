"""The events of one call as the chunks of a stream, its choices side by side.

Within a choice parts come one after another, so that the pieces of `content` join to the same text
that a whole answer shows.
"""

from __future__ import annotations

from typing import Any

from ...core.canon import ir
from ...core.canon.collect import annotate
from ...core.canon.sequence import Sequencer
from ...core.contract.api import Context, Document
from ...core.contract.api import Encoder as BaseEncoder
from ...core.contract.losses import HEADER, Ledger, fidelity
from ...core.contract.seal import is_seal
from ..serverside import Unshown
from ..sse import comment, frame
from . import details, output
from .errors import failure
from .vocabulary import NAME, legacy

# Chat clients show an event that they do not know as an empty chunk; a comment they skip.
KEEP_ALIVE = comment("keep-alive")
DONE = b"data: [DONE]\n\n"


class Encoder(BaseEncoder):
    def __init__(self, request: ir.Request, context: Context) -> None:
        self._context = context
        self._losses = Ledger()
        self.legacy = legacy(request)
        self._choices = [_Choice(self, index) for index in range(request.sampling.n)]
        self._unfinished = request.sampling.n
        self._counts: list[ir.Usage] = []
        self._over = False
        options = (request.extra or {}).get(NAME, {}).get("stream_options")
        self._with_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._head: Document = {
            "id": f"chatcmpl-{context.token}",
            "object": "chat.completion.chunk",
            "created": context.created,
            "model": context.model,
            "system_fingerprint": None,
        }

    def feed(self, event: ir.Event, choice: int = 0) -> bytes:
        if self._over:
            return b""
        match event:
            case ir.Ping():
                return KEEP_ALIVE
            case ir.Failed(error=error):
                self._over = True
                return self._note() + failure(error)
            case _:
                return b"".join(self._choices[choice].feed(event))

    @property
    def losses(self) -> Ledger:
        return self._losses

    def chunk(
        self, index: int, delta: Document, tokens: Document | None, ending: Document
    ) -> bytes:
        shown = {"index": index, "delta": delta, "logprobs": tokens} | ending
        return self._frame([shown], None)

    def finished(self, event: ir.Finished) -> bytes:
        """What follows the last chunk of a choice: nothing, or the end of the stream."""
        self._counts += [event.usage] if event.usage is not None else []
        self._unfinished -= 1
        if self._unfinished:
            return b""
        self._over = True
        return self._usage() + self._note() + DONE

    def _note(self) -> bytes:
        """The losses of the answer, right in front of its terminal."""
        self._context.losses.add(*self._losses)
        value = fidelity(self._losses)
        return b"" if value == "exact" else comment(f"{HEADER} {value}")

    def _usage(self) -> bytes:
        counts = output.usage(self._counts)
        return self._frame([], counts) if self._with_usage and counts else b""

    def _frame(self, choices: list[Document], usage: Document | None) -> bytes:
        body = self._head | {"choices": choices}
        return frame(body | {"usage": usage} if self._with_usage else body)


class _Choice:
    """One message: which part is open, and how many calls it has made."""

    def __init__(self, stream: Encoder, index: int) -> None:
        self._stream = stream
        self._index = index
        self._sequencer = Sequencer()
        self._unshown = Unshown(stream.losses)
        self._part: ir.Part | None = None
        self._texted = False
        self._calls = -1
        self._seals = 0
        self._refused = False

    def feed(self, event: ir.Event) -> list[bytes]:
        if self._unshown.hides(event):
            return []
        return [self._write(ready) for ready in self._sequencer.feed(event)]

    def _write(self, event: ir.Event) -> bytes:
        match event:
            case ir.Delta():
                return self._delta(event)
            case ir.PartStarted(part=part):
                return self._begin(part)
            case ir.PartAnnotated(value=value):
                return self._annotate(value)
            case ir.PartEnded():
                return self._end()
            case ir.Started():
                return self._chunk({"role": "assistant", "content": None, "refusal": None})
            case ir.Finished():
                stream = self._stream
                ending = output.finish(event.stop, self._refused, stream.legacy, stream.losses)
                return self._chunk({}, ending=ending) + self._stream.finished(event)
            case ir.Opaque():
                output.lose_part(event, False, self._stream.losses)
                return b""
            case ir.Failed() | ir.Ping():
                raise AssertionError("the stream itself answers these")

    def _begin(self, part: ir.Part) -> bytes:
        self._part, self._texted = part, False
        written = b""
        if isinstance(part, ir.ToolCall):
            self._calls += 1
            written = self._begin_call(part)
        if isinstance(part, ir.Text):
            written = b"".join(self._annotate(citation) for citation in part.citations)
        return written + self._text(_text_of(part))

    def _begin_call(self, part: ir.ToolCall) -> bytes:
        if not self._stream.legacy:
            start = {"index": self._calls} | output.call(part, "", self._stream.losses)
            return self._chunk({"tool_calls": [start]})
        if self._calls:
            output.lose_call(self._stream.losses)
            return b""
        return self._chunk({"function_call": output.function_call(part, "")})

    def _delta(self, event: ir.Delta) -> bytes:
        tokens = output.logprobs("content", event.logprobs)
        return self._text(event.text, tokens) if event.text or tokens else b""

    def _text(self, text: str, tokens: Document | None = None) -> bytes:
        if not text and tokens is None:
            return b""
        self._texted = True
        match self._part:
            case ir.Text():
                return self._chunk({"content": text}, tokens)
            case ir.Reasoning():
                return self._chunk({"reasoning_content": text})
            case ir.Refusal():
                self._refused = True
                return self._chunk({"refusal": text})
            case _ if self._stream.legacy:
                return (
                    self._chunk({"function_call": {"arguments": text}}) if not self._calls else b""
                )
            case ir.ToolCall(kind="custom"):
                return self._call({"custom": {"input": text}})
            case _:
                return self._call({"function": {"arguments": text}})

    def _call(self, fields: dict[str, Any]) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._calls} | fields]})

    def _annotate(self, value: ir.Citation | ir.Reasoning) -> bytes:
        if isinstance(value, ir.Reasoning):
            assert self._part is not None
            self._part = annotate(self._part, value)
            return b""
        shown = output.annotation(value, self._stream.losses)
        return self._chunk({"annotations": [shown]}) if shown is not None else b""

    def _end(self) -> bytes:
        part, self._part = self._part, None
        assert part is not None
        output.lose_part(part, self._texted, self._stream.losses)
        written = b"" if self._texted else self._empty(part)
        if isinstance(part, ir.Reasoning) and is_seal(part.sealed):
            pieces = details.sealed(part.sealed or "", self._seals)
            self._seals += 1
            written += self._chunk({"reasoning_details": pieces})
        return written

    def _empty(self, part: ir.Part) -> bytes:
        """What a part without a single delta shows, so that a stream says as much as a document."""
        match part:
            case ir.Text():
                return self._chunk({"content": ""})
            case ir.Refusal():
                self._refused = True
                return self._chunk({"refusal": ""})
            case ir.Reasoning():
                return self._chunk({"reasoning_content": "\n\n".join(part.summary)})
            case _:
                return b""

    def _chunk(
        self, delta: Document, tokens: Document | None = None, ending: Document | None = None
    ) -> bytes:
        return self._stream.chunk(self._index, delta, tokens, ending or {"finish_reason": None})


def _text_of(part: ir.Part) -> str:
    match part:
        case ir.Text() | ir.Refusal() | ir.Reasoning():
            return part.text
        case ir.ToolCall():
            return part.arguments
        case _:
            return ""
