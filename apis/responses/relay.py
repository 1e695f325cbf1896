"""The stream of an upstream that speaks Responses, as it passes through.

Its sequence numbers are the upstream's. A sign of life must be a data event, since Codex's timer
counts nothing else, and takes no number of its own: whoever sorts or drops events by number would
lose the upstream's next one. It is `response.in_progress` again, under the last number seen, which
is a documented event and changes nothing; OpenAI's undocumented `keepalive` breaks SDKs that check
an event's type. Before `response.created` the SDKs' helpers take no event at all: then a comment.
"""

from __future__ import annotations

from typing import ClassVar

from ...core.canon.errors import StackError
from ...core.contract.api import Document
from ..relay import Watcher, document, events
from ..sse import SSEvent, comment, frame
from . import errors

TERMINALS = {
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.cancelled",
    "error",
}
BEGINNINGS = {"response.created", "response.queued", "response.in_progress"}
NUMBER = "sequence_number"


class ResponsesRelay(Watcher):
    marks: ClassVar[tuple[bytes, ...]] = (
        b'"response"',  # the whole answer, which every event of its life holds
        b"response.output_item.done",
        b'"error"',
        b"event: error",
        b"event:error",
    )

    def __init__(self) -> None:
        super().__init__()
        self._beginning: SSEvent | None = None
        self._items: list[SSEvent] = []
        self._numbered = b""  # the last events that had numbers

    def feed(self, chunk: bytes) -> bytes:
        whole = super().feed(chunk)
        if b'"sequence_number"' in whole:
            self._numbered = whole
        return whole

    def ping(self) -> bytes:
        response = self._response()
        if response is None:
            return comment("ping")
        return _frame("response.in_progress", self._last_number(), {"response": response})

    def _look(self, event: SSEvent) -> None:
        kind = event.event or _kind(document(event))
        if kind in TERMINALS:
            self.ended = True
        elif kind in BEGINNINGS:
            self._beginning = event
        elif kind == "response.output_item.done":
            self._items.append(event)

    def failure(self, error: StackError, request_id: str) -> bytes:
        number = self._last_number() + 1
        response = self._response()
        if response is None:
            return _frame("error", number, errors.event(error))
        items = [document(event).get("item") for event in self._items]
        failed = {
            **response,
            "status": "failed",
            "error": errors.failure(error),
            "output": [item for item in items if item is not None],
        }
        return _frame("response.failed", number, {"response": failed})

    def _response(self) -> Document | None:
        """The answer as it was when it began, if it has."""
        if self._beginning is None:
            return None
        response = document(self._beginning).get("response")
        return response if isinstance(response, dict) else None

    def _last_number(self) -> int:
        for event in reversed(list(events(self._numbered))):
            number = document(event).get(NUMBER)
            if isinstance(number, int):
                return number
        return -1


def _kind(event: Document) -> object:
    return event.get("type") or ("error" if event.get("error") else None)


def _frame(kind: str, number: int, fields: Document) -> bytes:
    return frame({**fields, "type": kind, NUMBER: max(number, 0)}, kind)
