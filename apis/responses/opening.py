"""An item that is being sent: the events of its life, and the whole of it at any time.

Each class pairs an IR part with the events that show it. They give pairs of event type and fields;
the encoder numbers and frames them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...core.canon import ir
from ...core.canon.collect import annotate, complete
from ...core.contract.api import Document
from . import hosted
from .content import encode_citation
from .output import (
    Shown,
    Status,
    View,
    status_of,
    write_content,
    write_item,
    write_logprobs,
)

Event = tuple[str, Document]


def open_item(part: Shown, index: int, view: View) -> OpenItem:
    match part:
        case ir.Text() | ir.Refusal():
            return Message(part, index, view)
        case ir.Reasoning() if view.summary:
            return Summary(part, index, view)
        case ir.Reasoning():
            return Thinking(part, index, view)
        case ir.ToolListing():
            return Listing(part, index, view)
        case ir.ToolCall(kind="server", pending=False):
            return ServerCall(part, index, view)
        case ir.ToolCall() if part.kind == "server" or view.builtin(part) is not None:
            return OpenItem(part, index, view)  # there at once, or shown when it is whole
        case ir.ToolCall():
            return Call(part, index, view)
        case ir.Opaque():
            return OpenItem(part, index, view)


class OpenItem:
    """What all items share; an item of an unknown type needs no more."""

    def __init__(self, part: Shown, index: int, view: View) -> None:
        self.ended = False
        self._part = part
        self._index = index
        self._view = view
        self._texts: list[str] = []  # the deltas that were not empty
        self._logprobs: list[ir.TokenLogprob] = []
        self._place: Document = {"item_id": view.item_id(part, index), "output_index": index}

    def status(self, cut: bool) -> Status:
        """The item's status where others follow it."""
        return status_of(self._whole_part(), cut)

    def added(self) -> Iterator[Event]:
        document = write_item(self._bare(), self._index, "in_progress", self._view)
        yield "response.output_item.added", {"output_index": self._index, "item": document}

    def delta(self, event: ir.Delta) -> Iterator[Event]:
        self._logprobs += event.logprobs
        if event.text:
            self._texts.append(event.text)
        if event.text or event.logprobs:
            yield from self._delta(event)

    def annotated(self, value: ir.Citation | ir.Reasoning) -> Iterator[Event]:
        self._part = _item_part(annotate(self._part, value))
        yield from self._announce(value)

    def over(self) -> Iterator[Event]:
        """What is told as soon as the part has ended."""
        return iter(())

    def closed(self, status: Status) -> Iterator[Event]:
        document = self.whole(status)
        yield "response.output_item.done", {"output_index": self._index, "item": document}

    def whole(self, status: Status) -> Document:
        return write_item(self._whole_part(), self._index, status, self._view)

    def _whole_part(self) -> Shown:
        """The part with all that arrived so far."""
        return _item_part(complete(self._part, "".join(self._texts), tuple(self._logprobs)))

    def _bare(self) -> Shown:
        """The part without what events of its own will announce."""
        return self._part

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        return iter(())

    def _announce(self, value: ir.Citation | ir.Reasoning) -> Iterator[Event]:
        return iter(())


def _item_part(part: ir.Part) -> Shown:
    assert isinstance(part, Shown)
    return part


class Message(OpenItem):
    """A message with one content part: a text with its annotations, or a refusal."""

    def __init__(self, part: ir.Text | ir.Refusal, index: int, view: View) -> None:
        super().__init__(part, index, view)
        self._place["content_index"] = 0
        self._name = "text" if isinstance(part, ir.Text) else "refusal"
        self._kind = "output_text" if isinstance(part, ir.Text) else "refusal"
        self._annotations = 0

    def added(self) -> Iterator[Event]:
        yield from super().added()
        content = _content(self._bare(), self._index, self._view)
        yield "response.content_part.added", {**self._place, "part": content}
        for citation in self._part.citations if isinstance(self._part, ir.Text) else ():
            yield from self._announce(citation)

    def closed(self, status: Status) -> Iterator[Event]:
        content = _content(self._whole_part(), self._index, self._view)
        fields = {**self._place, self._name: content[self._name]}
        if self._kind == "output_text":
            fields["logprobs"] = content["logprobs"]
        yield f"response.{self._kind}.done", fields
        yield "response.content_part.done", {**self._place, "part": content}
        yield from super().closed(status)

    def _bare(self) -> Shown:
        part = self._part
        return replace(part, citations=()) if isinstance(part, ir.Text) else part

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        fields = {**self._place, "delta": event.text}
        if self._kind == "output_text":
            fields["logprobs"] = write_logprobs(event.logprobs, self._view)
        yield f"response.{self._kind}.delta", fields

    def _announce(self, value: ir.Citation | ir.Reasoning) -> Iterator[Event]:
        assert isinstance(value, ir.Citation)
        path = f"output.{self._index}"
        if (annotation := encode_citation(value, path, self._view.losses)) is not None:
            fields = {"annotation_index": self._annotations, "annotation": annotation}
            self._annotations += 1
            yield "response.output_text.annotation.added", {**self._place, **fields}


def _content(part: Shown, index: int, view: View) -> Document:
    assert isinstance(part, ir.Text | ir.Refusal)
    return write_content(part, index, view)


class Reasoning(OpenItem):
    """What both forms of reasoning share: real summaries, which arrive whole."""

    _summaries = 0

    def _real_summaries(self) -> tuple[str, ...]:
        return self._part.summary if isinstance(self._part, ir.Reasoning) else ()

    def _bare(self) -> Shown:
        part = self._part
        return replace(part, summary=()) if isinstance(part, ir.Reasoning) else part

    def _summary(self, text: str) -> Iterator[Event]:
        yield from self._summary_start()
        yield from self._summary_delta(text)
        yield from self._summary_end(text)

    def _summary_start(self) -> Iterator[Event]:
        part = {"type": "summary_text", "text": ""}
        fields = {**self._place, "summary_index": self._summaries, "part": part}
        yield "response.reasoning_summary_part.added", fields

    def _summary_delta(self, text: str) -> Iterator[Event]:
        fields = {**self._place, "summary_index": self._summaries, "delta": text}
        yield "response.reasoning_summary_text.delta", fields

    def _summary_end(self, text: str) -> Iterator[Event]:
        place = {**self._place, "summary_index": self._summaries}
        self._summaries += 1
        yield "response.reasoning_summary_text.done", {**place, "text": text}
        part = {"type": "summary_text", "text": text}
        yield "response.reasoning_summary_part.done", {**place, "part": part}


class Thinking(Reasoning):
    """Reasoning whose text is the item's content."""

    def __init__(self, part: Shown, index: int, view: View) -> None:
        super().__init__(part, index, view)
        self._content_place = {**self._place, "content_index": 0}

    def added(self) -> Iterator[Event]:
        yield from super().added()
        for text in self._real_summaries():
            yield from self._summary(text)

    def closed(self, status: Status) -> Iterator[Event]:
        if text := "".join(self._texts):
            yield "response.reasoning_text.done", {**self._content_place, "text": text}
            part = {"type": "reasoning_text", "text": text}
            yield "response.content_part.done", {**self._content_place, "part": part}
        yield from super().closed(status)

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        if len(self._texts) == 1:
            part = {"type": "reasoning_text", "text": ""}
            yield "response.content_part.added", {**self._content_place, "part": part}
        yield "response.reasoning_text.delta", {**self._content_place, "delta": event.text}

    def _announce(self, value: ir.Citation | ir.Reasoning) -> Iterator[Event]:
        for text in value.summary if isinstance(value, ir.Reasoning) else ():
            yield from self._summary(text)


class Summary(Reasoning):
    """Reasoning whose text is shown as its first summary; the real ones come after it."""

    def closed(self, status: Status) -> Iterator[Event]:
        if text := "".join(self._texts):
            yield from self._summary_end(text)
        for summary in self._real_summaries():
            yield from self._summary(summary)
        yield from super().closed(status)

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        if len(self._texts) == 1:
            yield from self._summary_start()
        yield from self._summary_delta(event.text)


class Call(OpenItem):
    """A function call, or the call of a custom tool with its free text."""

    def __init__(self, part: ir.ToolCall, index: int, view: View) -> None:
        super().__init__(part, index, view)
        custom = part.kind == "custom"
        self._kind = "custom_tool_call_input" if custom else "function_call_arguments"
        self._field = "input" if custom else "arguments"
        self._fields = {} if custom else {"name": part.name}

    def closed(self, status: Status) -> Iterator[Event]:
        fields = {self._field: "".join(self._texts), **self._fields}
        yield f"response.{self._kind}.done", {**self._place, **fields}
        yield from super().closed(status)

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        yield f"response.{self._kind}.delta", {**self._place, "delta": event.text}


class ServerCall(OpenItem):
    """The call of a function that runs here. Its result comes as a part of its own."""

    _result: ir.ToolResult | None = None

    def added(self) -> Iterator[Event]:
        yield from super().added()
        yield "response.mcp_call.in_progress", self._place

    def over(self) -> Iterator[Event]:
        fields = {"arguments": "".join(self._texts)}
        yield "response.mcp_call_arguments.done", {**self._place, **fields}

    def answered(self, result: ir.ToolResult) -> None:
        self._result = result

    def closed(self, status: Status) -> Iterator[Event]:
        if self._result is not None:
            word = "failed" if self._result.is_error else "completed"
            yield f"response.mcp_call.{word}", self._place
        yield from super().closed(status)

    def whole(self, status: Status) -> Document:
        if self._result is None:
            return super().whole("incomplete")
        document = super().whole(status)
        return document | hosted.write_result(self._result, self._index, self._view.losses)

    def _delta(self, event: ir.Delta) -> Iterator[Event]:
        yield "response.mcp_call_arguments.delta", {**self._place, "delta": event.text}


class Listing(OpenItem):
    """The functions of a tool server, there at once."""

    def added(self) -> Iterator[Event]:
        yield from super().added()
        yield "response.mcp_list_tools.in_progress", self._place

    def closed(self, status: Status) -> Iterator[Event]:
        part = self._part
        failed = isinstance(part, ir.ToolListing) and part.error is not None
        word = "failed" if failed else "completed"
        yield f"response.mcp_list_tools.{word}", self._place
        yield from super().closed(status)

    def _bare(self) -> Shown:
        part = self._part
        return replace(part, tools=(), error=None) if isinstance(part, ir.ToolListing) else part
