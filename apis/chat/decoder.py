"""The chunks of an upstream's stream as events.

Text, reasoning and refusal end when anything else begins; tool calls stay open until the stream
ends, since their arguments may come interleaved. A stream that ends without a finish reason has
failed, whatever else it said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from ...core.canon import ir
from ...core.canon.errors import StackError, UpstreamError
from ...core.canon.grammar import State
from ...core.contract.api import Decoder as BaseDecoder
from . import answer
from .calls import Calls
from .details import Details, shown
from .shapes import Fields, fields, objects, text


class Decoder(BaseDecoder):
    """One generation; an upstream is never asked for more than one choice."""

    def __init__(self) -> None:
        self._state = State.IDLE
        self._id = ""
        self._parts = 0
        self._text: tuple[type[ir.Part], int] | None = None  # what is being said, and its part
        self._calls = Calls()
        self._details = Details()
        self._stop: ir.Stop | None = None
        self._usage: ir.Usage | None = None

    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]:
        if self._state is State.DONE:
            return ()
        if data.strip() == b"[DONE]":
            return self.close()
        try:
            chunk = _parsed(data)
        except StackError as error:
            return self._fail(error)
        more = self._more(chunk)
        return self._guarded(chunk) if more is None else (more,)

    def _guarded(self, chunk: Fields) -> Iterator[ir.Event]:
        try:
            yield from self._read(chunk)
        except StackError as error:
            yield from self._fail(error)

    def _more(self, chunk: Fields) -> ir.Delta | None:
        """A chunk that only goes on with what is being said: nearly all of them, so found fast."""
        choices = chunk.get("choices")
        if self._text is None or not isinstance(choices, list) or len(choices) != 1:
            return None
        choice = choices[0]
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            return None
        kind, index = self._text
        words = delta.get(_FIELDS.get(kind))
        plain = chunk.keys() <= _CHUNK and choice.keys() <= _CHOICE and delta.keys() <= _DELTA[kind]
        if not plain or not isinstance(words, str) or not words:
            return None
        if chunk.get("usage") or choice.get("index"):
            return None
        if choice.get("finish_reason") or choice.get("logprobs"):
            return None
        return ir.Delta(index, words)

    def close(self) -> Iterable[ir.Event]:
        if self._state is State.DONE:
            return
        if self._stop is None:
            yield from self._fail(UpstreamError("the upstream's stream ended before its answer"))
            return
        try:
            yield from self._end_text()
            yield from self._counted(self._calls.end(self._parts))
            yield from self._sealed()
        except StackError as error:
            yield from self._fail(error)
            return
        self._state = State.DONE
        yield ir.Finished(answer.settled(self._stop, self._calls.any), self._usage)

    def _fail(self, error: StackError) -> Iterator[ir.Event]:
        self._state = State.DONE
        yield ir.Failed(error)

    def _read(self, chunk: Fields) -> Iterator[ir.Event]:
        answer.raise_fault(chunk)
        if self._state is State.IDLE:
            self._state = State.OPEN
            self._id = text(chunk.get("id"), "id")
            yield ir.Started(self._id, text(chunk.get("model"), "model"))
        self._usage = answer.usage_of(chunk) or self._usage
        for choice in objects(chunk.get("choices"), "choices"):
            if not choice.get("index"):
                yield from self._choice(choice)

    def _choice(self, choice: Fields) -> Iterator[ir.Event]:
        delta = fields(choice.get("delta"), "delta")
        yield from self._think(delta)
        tokens = answer.logprobs_of(choice)
        yield from self._append(ir.Text(""), text(delta.get("content"), "content"), tokens)
        yield from self._append(ir.Refusal(""), text(delta.get("refusal"), "refusal"))
        for annotation in objects(delta.get("annotations"), "annotations"):
            yield from self._begin_text(ir.Text(""))
            yield ir.PartAnnotated(self._spoken(), answer.citation_of(annotation))
        for call in answer.calls_of(delta, self._id):
            yield from self._counted(self._calls.feed(call, self._parts))
        if choice.get("finish_reason"):
            self._stop = answer.stop_of(choice)

    def _think(self, delta: Fields) -> Iterator[ir.Event]:
        pieces = objects(delta.get("reasoning_details"), "reasoning_details")
        if pieces:
            self._details.feed(pieces)
            if self._text is None and not self._calls.any and self._details.opaque:
                yield from self._begin_text(ir.Reasoning())
        yield from self._append(ir.Reasoning(), answer.reasoning_of(delta) or shown(pieces))

    def _sealed(self) -> Iterator[ir.Event]:
        """A seal that came behind everything else is a thought of its own."""
        if (seal := self._details.take()) is not None:
            yield ir.PartStarted(self._parts, ir.Reasoning(sealed=seal))
            yield ir.PartEnded(self._parts)

    def _append(
        self, part: ir.Part, words: str, tokens: tuple[ir.TokenLogprob, ...] = ()
    ) -> Iterator[ir.Event]:
        if words or tokens:
            yield from self._begin_text(part)
            yield ir.Delta(self._spoken(), words, tokens)

    def _begin_text(self, part: ir.Part) -> Iterator[ir.Event]:
        if self._text is not None and self._text[0] is type(part):
            return
        yield from self._end_text()
        yield from self._counted(self._calls.begin(self._parts))
        self._text = (type(part), self._parts)
        self._parts += 1
        yield ir.PartStarted(self._text[1], part)

    def _spoken(self) -> int:
        assert self._text is not None
        return self._text[1]

    def _end_text(self) -> Iterator[ir.Event]:
        if self._text is not None:
            (kind, ended), self._text = self._text, None
            if kind is ir.Reasoning and (seal := self._details.take()) is not None:
                yield ir.PartAnnotated(ended, ir.Reasoning(sealed=seal))
            yield ir.PartEnded(ended)

    def _counted(self, events: Iterator[ir.Event]) -> Iterator[ir.Event]:
        """The events of calls; each call that begins is a part of its own and ends a text."""
        for event in events:
            if isinstance(event, ir.PartStarted):
                self._parts += 1
                yield from self._end_text()
            yield event


# What a chunk holds that only goes on with a text.
_CHUNK = frozenset("id object created model choices usage system_fingerprint service_tier".split())
_CHOICE = frozenset({"index", "delta", "finish_reason", "logprobs"})
_FIELDS = {ir.Text: "content", ir.Reasoning: "reasoning_content", ir.Refusal: "refusal"}
_DELTA = {kind: frozenset({"role", field}) for kind, field in _FIELDS.items()}


def _parsed(data: bytes) -> Fields:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamError("the upstream sent an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise UpstreamError("the upstream sent an event that is no JSON object")
    return chunk
