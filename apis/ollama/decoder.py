"""The lines of an upstream's stream as events.

A thought and a text end when anything else begins; a call is whole in its line. A stream that ends
before a line says that it is done has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from ...core.canon import ir
from ...core.canon.errors import StackError, UpstreamError
from ...core.contract.api import Decoder as BaseDecoder
from . import answer


class Decoder(BaseDecoder):
    def __init__(self) -> None:
        self._begun = False
        self._over = False
        self._parts = 0
        self._calls = 0
        self._open: tuple[type[ir.Part], int] | None = None

    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]:
        if self._over:
            return
        try:
            yield from self._read(_parsed(data))
        except StackError as error:
            self._over = True
            yield ir.Failed(error)

    def close(self) -> Iterable[ir.Event]:
        if not self._over:
            self._over = True
            yield ir.Failed(UpstreamError("the upstream's stream ended before its answer"))

    def _read(self, document: answer.Fields) -> Iterator[ir.Event]:
        if not self._begun:
            self._begun = True
            yield ir.Started("", answer.model_of(document))
        thought = answer.word(answer.message_of(document), "thinking")
        yield from self._say(ir.Reasoning(), thought, ())
        tokens = answer.logprobs_of(document)
        yield from self._say(ir.Text(""), answer.text_of(document), tokens)
        for call in answer.calls_of(document):
            yield from self._call(answer.call_of(call, self._calls))
        if (stop := answer.stop_of(document)) is not None:
            yield from self._end()
            self._over = True
            yield ir.Finished(answer.settled(stop, self._calls > 0), answer.usage_of(document))

    def _say(
        self, part: ir.Part, text: str, tokens: tuple[ir.TokenLogprob, ...]
    ) -> Iterator[ir.Event]:
        if not text and not tokens:
            return
        if self._open is None or self._open[0] is not type(part):
            yield from self._end()
            self._open = (type(part), self._parts)
            self._parts += 1
            yield ir.PartStarted(self._open[1], part)
        yield ir.Delta(self._open[1], text, tokens)

    def _call(self, call: ir.ToolCall) -> Iterator[ir.Event]:
        yield from self._end()
        index, self._parts = self._parts, self._parts + 1
        self._calls += 1
        yield ir.PartStarted(index, ir.ToolCall(call.id, call.name, ""))
        yield ir.Delta(index, call.arguments)
        yield ir.PartEnded(index)

    def _end(self) -> Iterator[ir.Event]:
        if self._open is not None:
            (_, index), self._open = self._open, None
            yield ir.PartEnded(index)


def _parsed(data: bytes) -> answer.Fields:
    try:
        return answer.checked(orjson.loads(data))
    except orjson.JSONDecodeError:
        raise UpstreamError("the upstream sent a line that is not JSON") from None
