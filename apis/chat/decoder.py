"""An upstream's answer as events: the chunks of its stream, or the whole document.

Text, reasoning and refusal end when anything else begins; tool calls stay open until the stream
ends, since their arguments may come interleaved. A stream that ends without a finish reason has
failed, whatever else it said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ...core.canon import ir
from ...core.canon.collect import play
from ...core.canon.errors import StackError, UpstreamError
from ...core.contract.api import Decoder as BaseDecoder
from .. import openai
from .vocabulary import NAME, REASONS

Fields = Mapping[str, Any]

_TEXTS: dict[str, ir.Part] = {
    "reasoning_content": ir.Reasoning(),
    "reasoning": ir.Reasoning(),
    "content": ir.Text(""),
    "refusal": ir.Refusal(""),
}
_KNOWN = {*_TEXTS, "role", "tool_calls", "annotations", "function_call"}


@dataclass(slots=True)
class _Call:
    """A tool call that may come in pieces; it starts once its id and its name are known."""

    id: str = ""
    name: str = ""
    kind: ir.ToolKind = "function"
    index: int | None = None
    waiting: list[str] = field(default_factory=list)


class Decoder(BaseDecoder):
    """One generation; an upstream is never asked for more than one choice."""

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._parts = 0
        self._text: tuple[str, int] | None = None  # the field that is open, and its part
        self._calls: dict[int, _Call] = {}
        self._stop: ir.Stop | None = None
        self._usage: ir.Usage | None = None

    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]:
        if self._over:
            return
        if data.strip() == b"[DONE]":
            yield from self.close()
            return
        try:
            yield from self._read(_parsed(data))
        except StackError as error:
            yield from self._fail(error)

    def close(self) -> Iterable[ir.Event]:
        if self._over:
            return
        if self._stop is None:
            yield from self._fail(UpstreamError("the upstream's stream ended before its answer"))
            return
        try:
            ended = [*self._end_text(), *self._end_calls()]
        except StackError as error:
            yield from self._fail(error)
            return
        self._over = True
        yield from ended
        yield ir.Finished(self._stop, self._usage)

    def _fail(self, error: StackError) -> Iterator[ir.Event]:
        self._over = True
        yield ir.Failed(error)

    def _read(self, chunk: Fields) -> Iterator[ir.Event]:
        if chunk.get("error") or chunk.get("object") == "error":
            raise openai.decode_failure(chunk)
        if not self._started:
            self._started = True
            yield ir.Started(str(chunk.get("id") or ""), str(chunk.get("model") or ""))
        if isinstance(chunk.get("usage"), dict):
            self._usage = usage_of(chunk["usage"])
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                yield from self._choice(choice)

    def _choice(self, choice: Fields) -> Iterator[ir.Event]:
        delta = choice.get("delta") or {}
        tokens = logprobs_of(choice.get("logprobs"))
        for name in _TEXTS:
            text = delta.get(name)
            if isinstance(text, str) and (text or (name == "content" and tokens)):
                yield from self._append(name, text, tokens if name == "content" else ())
        for annotation in delta.get("annotations") or ():
            yield from self._annotate(annotation)
        for call in delta.get("tool_calls") or ():
            yield from self._call(call)
        if reason := choice.get("finish_reason"):
            self._stop = stop_of(reason, choice)

    def _append(
        self, name: str, text: str, tokens: tuple[ir.TokenLogprob, ...]
    ) -> Iterator[ir.Event]:
        if self._text is None or self._text[0] != name:
            yield from self._end_text()
            self._text = (name, self._next())
            yield ir.PartStarted(self._text[1], _TEXTS[name])
        yield ir.Delta(self._text[1], text, tokens)

    def _annotate(self, annotation: Fields) -> Iterator[ir.Event]:
        if self._text is None or self._text[0] != "content":
            yield from self._append("content", "", ())
        assert self._text is not None
        yield ir.PartAnnotated(self._text[1], citation_of(annotation))

    def _call(self, delta: Fields) -> Iterator[ir.Event]:
        position = delta.get("index", len(self._calls))
        if not isinstance(position, int):
            raise UpstreamError("the upstream sent a tool call whose index is no number")
        call = self._calls.setdefault(position, _Call())
        body = delta.get("custom") or delta.get("function") or {}
        if delta.get("custom") is not None or delta.get("type") == "custom":
            call.kind = "custom"
        call.id = call.id or delta.get("id") or ""
        call.name = call.name or body.get("name") or ""
        text = body.get("input") if call.kind == "custom" else body.get("arguments")
        if text:
            call.waiting.append(text)
        yield from self._flush(call)

    def _flush(self, call: _Call) -> Iterator[ir.Event]:
        if call.index is None:
            if not (call.id and call.name):
                return
            yield from self._end_text()
            call.index = self._next()
            yield ir.PartStarted(call.index, ir.ToolCall(call.id, call.name, "", call.kind))
        for text in call.waiting:
            yield ir.Delta(call.index, text)
        call.waiting.clear()

    def _end_text(self) -> Iterator[ir.Event]:
        if self._text is not None:
            yield ir.PartEnded(self._text[1])
            self._text = None

    def _end_calls(self) -> Iterator[ir.Event]:
        for call in self._calls.values():
            if call.index is None:
                missing = "name" if call.id else "id"
                raise UpstreamError(f"the upstream sent a tool call without {missing}")
            yield ir.PartEnded(call.index)

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1


def events(document: object) -> Iterable[ir.Event]:
    """The events of a whole answer."""
    try:
        yield from play(_response(document))
    except StackError as error:
        yield ir.Failed(error)


def _response(document: object) -> ir.Response:
    if not isinstance(document, dict):
        raise UpstreamError("the upstream's answer is no JSON object")
    if document.get("error") or document.get("object") == "error":
        raise openai.decode_failure(document)
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise UpstreamError("the upstream's answer has no choices")
    choice = choices[0]
    usage = document.get("usage")
    return ir.Response(
        str(document.get("id") or ""),
        str(document.get("model") or ""),
        tuple(_parts(choice)),
        stop_of(choice.get("finish_reason"), choice),
        usage_of(usage) if isinstance(usage, dict) else None,
    )


def _parts(choice: Fields) -> Iterator[ir.Part]:
    message = choice.get("message") or {}
    for name in ("reasoning_content", "reasoning"):
        if message.get(name):
            yield ir.Reasoning(message[name])
    citations = tuple(citation_of(each) for each in message.get("annotations") or ())
    tokens = logprobs_of(choice.get("logprobs"))
    if message.get("content") or citations or tokens:
        yield ir.Text(message.get("content") or "", citations, tokens)
    if message.get("refusal"):
        yield ir.Refusal(message["refusal"])
    for call in message.get("tool_calls") or ():
        yield _whole_call(call)


def _whole_call(call: Fields) -> ir.ToolCall:
    body, kind = call.get("function"), "function"
    text = "arguments"
    if call.get("custom") is not None:
        body, kind, text = call["custom"], "custom", "input"
    if not call.get("id") or not body or not body.get("name"):
        raise UpstreamError("the upstream sent a tool call without id or name")
    return ir.ToolCall(call["id"], body["name"], body.get(text) or "", kind)  # type: ignore[arg-type]


# Fields ------------------------------------------------------------------------------------------


def _parsed(data: bytes) -> Fields:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamError("the upstream sent an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise UpstreamError("the upstream sent an event that is no JSON object")
    return chunk


def stop_of(reason: object, choice: Fields) -> ir.Stop:
    if reason is None:
        raise UpstreamError("the upstream's answer has no finish reason")
    known = REASONS.get(str(reason))
    if known is None:
        raise UpstreamError(f"the upstream finished for an unknown reason, {reason!r}")
    sequence = choice.get("stop_reason")
    if known == "end" and isinstance(sequence, str):
        return ir.Stop("stop_sequence", sequence, raw=str(reason))
    return ir.Stop(known, raw=str(reason))


def usage_of(usage: Fields) -> ir.Usage:
    details = usage.get("prompt_tokens_details") or {}
    output = usage.get("completion_tokens_details") or {}
    return ir.Usage(
        usage.get("prompt_tokens") or 0,
        usage.get("completion_tokens") or 0,
        cache_read=details.get("cached_tokens"),
        reasoning=output.get("reasoning_tokens"),
    )


def logprobs_of(shown: object) -> tuple[ir.TokenLogprob, ...]:
    tokens = shown.get("content") if isinstance(shown, dict) else None
    return tuple(_logprob(token) for token in tokens or ())


def _logprob(token: Fields) -> ir.TokenLogprob:
    data = token.get("bytes")
    text = str(token.get("token", ""))
    raw = bytes(data) if isinstance(data, list) else None
    top = tuple(_logprob(other) for other in token.get("top_logprobs") or ())
    return ir.TokenLogprob(text, float(token.get("logprob", 0.0)), raw, top)


def citation_of(annotation: Fields) -> ir.Citation:
    kind = str(annotation.get("type"))
    body = dict(annotation.get(kind) or {})
    return ir.Citation(
        kind,
        body.pop("start_index", None),
        body.pop("end_index", None),
        body.pop("url", None),
        body.pop("title", None),
        extra={NAME: body} if body else None,
    )
