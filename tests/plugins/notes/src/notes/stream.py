"""A plain answer as it comes: a `say` for each piece of text, and one `end` or `error`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import orjson

from polystack.apis import sse
from polystack.core import Context, ir
from polystack.core.canon.errors import UpstreamError
from polystack.core.contract.api import Decoder, Encoder
from polystack.core.contract.losses import HEADER, fidelity


class PlainEncoder(Encoder):
    def __init__(self, context: Context) -> None:
        self._losses = context.losses
        self._shown: set[int] = set()

    def feed(self, event: ir.Event, choice: int = 0) -> bytes:
        match event:
            case ir.PartStarted(index, ir.Text() | ir.Refusal()):
                self._shown.add(index)
            case ir.PartStarted(index):
                self._losses.dropped(f"parts.{index}", "a plain answer is text alone")
            case ir.Delta(index, text) if index in self._shown:
                return sse.frame(text, "say")
            case ir.Finished(stop, usage):
                said = sse.comment(f"{HEADER} {fidelity(self._losses)}")
                return said + sse.frame({"end": stop.reason, **tokens_of(usage)}, "end")
            case ir.Failed(error):
                return sse.frame({"error": error.message, "kind": error.kind}, "error")
            case ir.Ping():
                return sse.comment("still here")
        return b""


def tokens_of(usage: ir.Usage | None) -> dict[str, int]:
    return {} if usage is None else {"asked": usage.input, "answered": usage.output}


class PlainDecoder(Decoder):
    def __init__(self) -> None:
        self._begun = self._ended = False

    def feed(self, event: str, data: bytes) -> Iterator[ir.Event]:
        document = orjson.loads(data)
        if not self._begun:
            self._begun = True
            yield from BEGIN
        match event:
            case "say":
                yield ir.Delta(0, document)
            case "end":
                self._ended = True
                yield from _end(document)
            case "error":
                self._ended = True
                yield ir.Failed(UpstreamError(str(document.get("error"))))

    def close(self) -> Iterable[ir.Event]:
        return () if self._ended else (ir.Failed(UpstreamError("the upstream broke off")),)


REASONS: dict[Any, ir.StopReason] = {each: each for each in get_args(ir.StopReason)}
BEGIN = (ir.Started("", ""), ir.PartStarted(0, ir.Text("")))


def events_of(document: dict[str, Any]) -> Iterator[ir.Event]:
    """What a whole answer stands for."""
    yield from BEGIN
    yield ir.Delta(0, document["answer"])
    yield from _end(document)


def _end(document: dict[str, Any]) -> Iterator[ir.Event]:
    reason = REASONS.get(document.get("end"))
    if reason is None:
        yield ir.Failed(UpstreamError("the upstream ended for a reason that nobody knows"))
        return
    asked, answered = document.get("asked"), document.get("answered")
    usage = ir.Usage(asked, answered) if asked is not None and answered is not None else None
    yield ir.PartEnded(0)
    yield ir.Finished(ir.Stop(reason), usage)
