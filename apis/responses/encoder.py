"""The stream of one answer, as a server sends it.

Items never overlap: the sequencer holds later parts back, so that an item's `output_index` is its
place in the final output. An item's closing events wait for the next item or for the end, since
only the end tells whether the last one was cut short. Every event has the next sequence number.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import count
from typing import assert_never

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.canon.sequence import Sequencer
from ...core.contract import api
from ...core.contract.api import Context, Document
from ...core.contract.losses import fidelity
from ..sse import comment, frame
from .opening import Event, OpenItem, ServerCall, open_item
from .output import Status, shown, view
from .response import OUTCOMES, echo, failed, finished, note_unmet, outcome, queued, unfinished


class State(Enum):
    SILENT = "silent"  # nothing was sent yet
    OPEN = "open"
    DONE = "done"


class Encoder(api.Encoder):
    def __init__(self, request: ir.Request, context: Context) -> None:
        self._request = request
        self._context = context
        self._losses = context.losses
        self._known_losses = len(context.losses)
        self._view = view(request, context)
        self._base = echo(request, context)
        self._state = State.SILENT
        self._sequencer = Sequencer()
        self._sequence = 0
        self._opaques = count(-1, -1)
        self._place = 0  # of the next part of the answer, shown or not
        self._output: list[Document] = []
        self._item: OpenItem | None = None
        self._waiting: list[ir.Event] = []
        self._cut = False  # the answer was cut short, and so may each of its last calls have been

    def feed(self, event: ir.Event, choice: int = 0) -> bytes:
        if self._state is State.DONE:
            return b""
        if isinstance(event, ir.Opaque):
            # A part that is whole at once: in the sequence it takes its turn like the others.
            index = next(self._opaques)
            events: tuple[ir.Event, ...] = ir.PartStarted(index, event), ir.PartEnded(index)
        else:
            events = (event,)
        ordered = (e for each in events for e in self._in_order(each))
        return b"".join(frame for each in ordered for frame in self._on(each))

    def _in_order(self, event: ir.Event) -> Iterator[ir.Event]:
        """The events that may be shown now.

        What follows the end of a part waits for the next event: parts that end together, right
        before an answer that was cut short, may all have been cut.
        """
        ordered = list(self._sequencer.feed(event))
        if isinstance(event, ir.Ping):
            yield event
        elif isinstance(event, ir.PartEnded):
            self._waiting += ordered
            if ordered and len(self._waiting) == len(ordered):
                yield self._waiting.pop(0)
        else:
            released, self._waiting = [*self._waiting, *ordered], []
            if isinstance(event, ir.Finished):
                self._cut = OUTCOMES[event.stop.reason].item_status == "incomplete"
            yield from released

    def _on(self, event: ir.Event) -> Iterator[bytes]:
        match event:
            case ir.Started():
                yield from self._open()
            case ir.Ping():
                yield from self._open() or [self._in_progress()]
            case ir.PartStarted(part=part):
                yield from self._start(part)
            case ir.Delta():
                if self._item is not None:
                    yield from self._frames(self._item.delta(event))
            case ir.PartAnnotated(value=value):
                if self._item is not None:
                    yield from self._frames(self._item.annotated(value))
            case ir.PartEnded():
                if self._item is not None:
                    self._item.ended = True
                    yield from self._frames(self._item.over())
            case ir.Finished():
                yield from self._finish(event)
            case ir.Failed(error=error):
                yield from self._fail(error)
            case ir.Opaque():
                raise AssertionError("an opaque is fed to the sequencer as a part")
            case _:
                assert_never(event)

    def _open(self) -> list[bytes]:
        if self._state is not State.SILENT:
            return []
        self._state = State.OPEN
        if self._base["background"]:
            waiting = {"response": queued(self._base)}
            first = [self._frame(f"response.{kind}", waiting) for kind in ("created", "queued")]
        else:
            first = [self._frame("response.created", {"response": unfinished(self._base)})]
        return [*first, self._in_progress()]

    def _in_progress(self) -> bytes:
        return self._frame("response.in_progress", {"response": unfinished(self._base)})

    def _start(self, part: ir.Part) -> Iterator[bytes]:
        if isinstance(part, ir.ToolResult) and isinstance(self._item, ServerCall):
            self._place += 1
            self._item.answered(part)
            yield from self._close("completed")
            return
        if self._item is not None:
            yield from self._close(self._item.status(self._cut))
        visible = shown(part, self._place, self._losses)
        self._place += 1
        if visible is not None:
            self._item = open_item(visible, len(self._output), self._view)
            yield from self._frames(self._item.added())

    def _close(self, status: Status) -> Iterator[bytes]:
        if self._item is not None:
            yield from self._frames(self._item.closed(status))
            self._output.append(self._item.whole(status))
            self._item = None

    def _finish(self, event: ir.Finished) -> Iterator[bytes]:
        yield from self._close(OUTCOMES[event.stop.reason].item_status)
        end = outcome(event.stop, self._output, self._losses)
        at = self._context.ended()
        answer = finished(self._base, self._output, end, event.usage, at)
        yield from self._terminal(f"response.{end.status}", answer)

    def _fail(self, error: StackError) -> Iterator[bytes]:
        """An item that was cut off is in the answer, but is never reported as done.

        Agents take every item that is done into their history, and then try again.
        """
        if self._state is State.SILENT:
            yield self._frame("response.created", {"response": unfinished(self._base)})
        if self._item is not None and self._item.ended:
            yield from self._close("completed")
        elif self._item is not None:
            self._output.append(self._item.whole("incomplete"))
        yield from self._terminal("response.failed", failed(self._base, self._output, error))

    def _terminal(self, kind: str, answer: Document) -> Iterator[bytes]:
        self._state = State.DONE
        note_unmet(self._request, self._context)
        if new := list(self._losses)[self._known_losses :]:
            value = fidelity(new)
            if value != "exact":
                yield comment(f"x-stack-fidelity {value}")
        yield self._frame(kind, {"response": answer})

    def _frames(self, events: Iterator[Event]) -> Iterator[bytes]:
        for kind, fields in events:
            yield self._frame(kind, fields)

    def _frame(self, kind: str, fields: Document) -> bytes:
        number = self._sequence
        self._sequence += 1
        return frame({"type": kind, "sequence_number": number, **fields}, kind)
