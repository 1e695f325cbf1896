"""The stream of an upstream that speaks Responses, as events.

The life of an item is read from `output_item.added`, the deltas and `output_item.done`. Whatever
the done item knows and no delta said is added then, and what the terminal response knows and no
item event said is added at the end, so that a server which leaves out some of the lifecycle is
still understood. A whole answer is a stream of its terminal event alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

from ...core.canon import ir
from ...core.canon.errors import StackError, UpstreamError
from ...core.contract import api
from ...core.contract.api import Document
from ..openai import decode_failure
from .content import decode_citation, decode_logprob
from .extras import NAME, extra

INCOMPLETE: dict[object, ir.StopReason] = {
    "max_output_tokens": "length",
    "content_filter": "filter",
}
CALL_FIELDS = {"id", "type", "status", "call_id", "name", "namespace", "arguments", "input"}
MESSAGE_FIELDS = {"id", "type", "role", "status", "content"}
TEXT_KINDS = {"output_text": "text", "refusal": "refusal"}  # content type: field of its text

Key = tuple[int, int]  # output_index and, within a message, content_index


class State(Enum):
    SILENT = "silent"
    STARTED = "started"
    DONE = "done"


@dataclass(slots=True)
class Open:
    """A part that has started and not ended, and how much of it was passed on."""

    index: int
    part: ir.Part
    text: str = ""
    citations: int = 0
    logprobs: int = 0
    summaries: set[int] = field(default_factory=set)


class Decoder(api.Decoder):
    def __init__(self) -> None:
        self._state = State.SILENT
        self._open: dict[Key, Open] = {}
        self._seen: list[Key] = []  # of every part; its length is the next part's index
        self._done: set[int] = set()  # output indices of whole items
        self._kinds: set[type[ir.Part]] = set()
        self._kept: dict[int, Document] = {}  # unknown fields of messages, by output index

    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]:
        if self._state is State.DONE or data == b"[DONE]":
            return
        try:
            yield from self._read(event, data)
        except StackError as error:
            yield from self._fail(error)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            kind = type(error).__name__
            yield from self._fail(UpstreamError(f"the upstream sent a malformed event ({kind})"))

    def close(self) -> Iterable[ir.Event]:
        if self._state is not State.DONE:
            yield from self._fail(
                UpstreamError("the upstream's stream ended before its answer did")
            )

    def whole(self, answer: object) -> Iterator[ir.Event]:
        """The events of a whole answer."""
        answer = answer if isinstance(answer, dict) else {}
        event = {"type": f"response.{answer.get('status')}", "response": answer}
        if answer.get("error") and "status" not in answer:
            event = {"type": "error", "error": answer["error"]}
        yield from self.feed("", orjson.dumps(event))
        yield from self.close()

    def _read(self, name: str, data: bytes) -> Iterator[ir.Event]:
        document: Any = orjson.loads(data)
        if not isinstance(document, dict):
            raise UpstreamError("the upstream sent an event that is no JSON object")
        kind = document.get("type") or name or ("error" if "error" in document else "")
        if (handler := HANDLERS.get(kind)) is not None:
            yield from handler(self, document)

    # The response

    def on_start(self, document: Document) -> Iterator[ir.Event]:
        if self._state is State.SILENT:
            self._state = State.STARTED
            response = document.get("response") or {}
            yield ir.Started(str(response.get("id") or ""), str(response.get("model") or ""))

    def on_end(self, document: Document) -> Iterator[ir.Event]:
        response: Document = document["response"]
        yield from self.on_start(document)
        for index, item in enumerate(response.get("output") or ()):
            if index not in self._done:
                yield from self.on_item_done({"output_index": index, "item": item})
        for key in list(self._open):
            yield from self._end(key)
        stop = self._stop(document.get("type"), response)
        usage = read_usage(response.get("usage"))
        self._state = State.DONE
        yield ir.Finished(stop, usage)

    def _stop(self, kind: object, response: Document) -> ir.Stop:
        reason = (response.get("incomplete_details") or {}).get("reason")
        if kind == "response.incomplete":
            if reason not in INCOMPLETE:
                raise UpstreamError(f"the upstream stopped for an unknown reason: {reason!r}")
            return ir.Stop(INCOMPLETE[reason], raw=str(reason))
        if ir.ToolCall in self._kinds:
            return ir.Stop("tool_call", raw="completed")
        return ir.Stop("refusal" if ir.Refusal in self._kinds else "end", raw="completed")

    def on_failed(self, document: Document) -> Iterator[ir.Event]:
        response = document.get("response") or {}
        yield from self._fail(decode_failure(response.get("error")))

    def on_cancelled(self, document: Document) -> Iterator[ir.Event]:
        yield from self._fail(UpstreamError("the upstream cancelled its answer"))

    def on_error(self, document: Document) -> Iterator[ir.Event]:
        yield from self._fail(decode_failure(document))

    def _fail(self, error: StackError) -> Iterator[ir.Event]:
        self._state = State.DONE
        yield ir.Failed(error)

    # Items

    def on_item_added(self, document: Document) -> Iterator[ir.Event]:
        yield from self.on_start({})
        index, item = _index(document), document["item"]
        if item["type"] == "message":
            self._kept[index] = {key: item[key] for key in item.keys() - MESSAGE_FIELDS}
        elif (part := _empty(item)) is not None:
            if (index, 0) in self._seen:
                raise UpstreamError(f"two items of the upstream share the output index {index}")
            yield from self._begin((index, 0), part)

    def on_item_done(self, document: Document) -> Iterator[ir.Event]:
        yield from self.on_start({})
        index, item = _index(document), document["item"]
        if index in self._done:
            raise UpstreamError(f"two items of the upstream share the output index {index}")
        self._done.add(index)
        if item["type"] == "message":
            self._kept.setdefault(index, {k: item[k] for k in item.keys() - MESSAGE_FIELDS})
            for place, content in enumerate(item.get("content") or ()):
                yield from self._content_done((index, place), content)
        elif (part := _empty(item)) is not None:
            yield from self._begin((index, 0), part)
            yield from self._item_rest((index, 0), item)
            yield from self._end((index, 0))
        else:
            yield ir.Opaque(NAME, str(item["type"]), item)

    def _item_rest(self, key: Key, item: Document) -> Iterator[ir.Event]:
        """What the whole item knows and no delta said."""
        if item["type"] != "reasoning":
            text = item["input" if item["type"] == "custom_tool_call" else "arguments"]
            yield from self._rest(key, text)
            return
        yield from self._rest(key, "".join(part["text"] for part in item.get("content") or ()))
        for place, part in enumerate(item.get("summary") or ()):
            yield from self._summary(key, place, part["text"])
        if sealed := item.get("encrypted_content"):
            yield ir.PartAnnotated(self._open[key].index, ir.Reasoning(sealed=sealed))

    def _rest(
        self, key: Key, whole: str, logprobs: tuple[ir.TokenLogprob, ...] = ()
    ) -> Iterator[ir.Event]:
        part = self._open[key]
        if whole.startswith(part.text):
            whole = whole[len(part.text) :]
        elif isinstance(part.part, ir.ToolCall):
            raise UpstreamError("the upstream's deltas contradict the arguments of its tool call")
        else:
            whole = ""  # a text that was tidied up afterwards: what was shown stands
        if whole or logprobs[part.logprobs :]:
            yield from self._delta(key, whole, logprobs[part.logprobs :])

    # Parts

    def _begin(self, key: Key, part: ir.Part) -> Iterator[ir.Event]:
        if key in self._open:
            self._must_be(key, type(part))
            return
        if key in self._seen:
            raise UpstreamError(f"the upstream went on with an item after its end: {key[0]}")
        self._open[key] = Open(len(self._seen), part)
        self._seen.append(key)
        self._kinds.add(type(part))
        yield ir.PartStarted(self._open[key].index, part)

    def _must_be(self, key: Key, kind: type[ir.Part]) -> None:
        if not isinstance(self._open[key].part, kind):
            raise UpstreamError(f"two items of the upstream share the output index {key[0]}")

    def _delta(
        self, key: Key, text: str, logprobs: tuple[ir.TokenLogprob, ...] = ()
    ) -> Iterator[ir.Event]:
        part = self._open[key]
        part.text += text
        part.logprobs += len(logprobs)
        yield ir.Delta(part.index, text, logprobs)

    def _end(self, key: Key) -> Iterator[ir.Event]:
        yield ir.PartEnded(self._open.pop(key).index)

    def _content(self, key: Key, kind: str) -> Iterator[ir.Event]:
        """Begin the content part of a message, unless it has begun."""
        yield from self.on_start({})
        message = self._kept.get(key[0])
        kept = extra({"_message": message}) if message else None
        part = ir.Text("", extra=kept) if kind == "output_text" else ir.Refusal("", extra=kept)
        yield from self._begin(key, part)

    def _content_done(self, key: Key, content: Document) -> Iterator[ir.Event]:
        kind = content["type"]
        if kind not in TEXT_KINDS:
            yield ir.Opaque(NAME, str(kind), content, extra=extra({"_content": True}))
            return
        yield from self._content(key, kind)
        logprobs = tuple(decode_logprob(logprob) for logprob in content.get("logprobs") or ())
        yield from self._rest(key, content[TEXT_KINDS[kind]], logprobs)
        part = self._open[key]
        for annotation in (content.get("annotations") or ())[part.citations :]:
            yield ir.PartAnnotated(part.index, decode_citation(annotation))
        yield from self._end(key)

    def on_content_added(self, document: Document) -> Iterator[ir.Event]:
        kind = document["part"]["type"]
        if kind in TEXT_KINDS:
            yield from self._content(_key(document), kind)

    def on_text_delta(self, document: Document) -> Iterator[ir.Event]:
        key = _key(document)
        yield from self._content(key, "output_text")
        logprobs = tuple(decode_logprob(logprob) for logprob in document.get("logprobs") or ())
        yield from self._delta(key, document["delta"], logprobs)

    def on_refusal_delta(self, document: Document) -> Iterator[ir.Event]:
        yield from self._content(_key(document), "refusal")
        yield from self._delta(_key(document), document["delta"])

    def on_annotation(self, document: Document) -> Iterator[ir.Event]:
        key = _key(document)
        yield from self._content(key, "output_text")
        self._open[key].citations += 1
        citation = decode_citation(document["annotation"])
        yield ir.PartAnnotated(self._open[key].index, citation)

    def on_thought_delta(self, document: Document) -> Iterator[ir.Event]:
        key = _index(document), 0
        yield from self.on_start({})
        yield from self._begin(key, ir.Reasoning(extra={NAME: {}}))
        yield from self._delta(key, document["delta"])

    def on_summary_done(self, document: Document) -> Iterator[ir.Event]:
        key = _index(document), 0
        yield from self.on_start({})
        yield from self._begin(key, ir.Reasoning(extra={NAME: {}}))
        yield from self._summary(key, int(document["summary_index"]), document["text"])

    def _summary(self, key: Key, place: int, text: str) -> Iterator[ir.Event]:
        part = self._open[key]
        if place not in part.summaries:
            part.summaries.add(place)
            yield ir.PartAnnotated(part.index, ir.Reasoning(summary=(text,)))

    def on_call_delta(self, document: Document) -> Iterator[ir.Event]:
        # Without its `added` event a call has no name yet; the done item then brings it whole.
        if (key := (_index(document), 0)) in self._open:
            self._must_be(key, ir.ToolCall)
            yield from self._delta(key, document["delta"])


Handler = Callable[[Decoder, Document], Iterator[ir.Event]]

HANDLERS: dict[object, Handler] = {
    "response.created": Decoder.on_start,
    "response.queued": Decoder.on_start,
    "response.in_progress": Decoder.on_start,
    "response.output_item.added": Decoder.on_item_added,
    "response.output_item.done": Decoder.on_item_done,
    "response.content_part.added": Decoder.on_content_added,
    "response.output_text.delta": Decoder.on_text_delta,
    "response.output_text.annotation.added": Decoder.on_annotation,
    "response.refusal.delta": Decoder.on_refusal_delta,
    "response.reasoning_text.delta": Decoder.on_thought_delta,
    "response.reasoning_summary_text.done": Decoder.on_summary_done,
    "response.function_call_arguments.delta": Decoder.on_call_delta,
    "response.custom_tool_call_input.delta": Decoder.on_call_delta,
    "response.completed": Decoder.on_end,
    "response.incomplete": Decoder.on_end,
    "response.failed": Decoder.on_failed,
    "response.cancelled": Decoder.on_cancelled,
    "error": Decoder.on_error,
}


def _index(document: Document) -> int:
    return int(document["output_index"])


def _key(document: Document) -> Key:
    return int(document["output_index"]), int(document["content_index"])


def _empty(item: Document) -> ir.Part | None:
    """The part that an item begins, without its texts; None for messages and unknown items."""
    match item["type"]:
        case "reasoning":
            return ir.Reasoning(id=item.get("id"), extra={NAME: {}})
        case "function_call" | "custom_tool_call" as kind:
            kept = {key: item[key] for key in item.keys() - CALL_FIELDS}
            return ir.ToolCall(
                item["call_id"],
                item["name"],
                "",
                "custom" if kind == "custom_tool_call" else "function",
                item.get("namespace"),
                extra=extra(kept),
            )
        case _:
            return None


def read_usage(usage: Document | None) -> ir.Usage | None:
    if usage is None:
        return None
    read: Document = usage.get("input_tokens_details") or {}
    written: Document = usage.get("output_tokens_details") or {}
    return ir.Usage(
        int(usage.get("input_tokens") or 0),
        int(usage.get("output_tokens") or 0),
        read.get("cached_tokens"),
        read.get("cache_write_tokens"),
        written.get("reasoning_tokens"),
    )
