"""The stream of an upstream that speaks Messages, as it passes through."""

from __future__ import annotations

from typing import ClassVar

from ...core.canon.errors import StackError
from ..relay import Watcher, document
from ..sse import SSEvent, frame
from .errors import envelope, error_of

TERMINALS = {"message_stop", "error"}


class MessagesRelay(Watcher):
    marks: ClassVar[tuple[bytes, ...]] = (
        b"message_stop",
        b'"error"',
        b"event: error",
        b"event:error",
    )

    def __init__(self) -> None:
        super().__init__()
        self._complaint: StackError | None = None

    def ping(self) -> bytes:
        return frame({"type": "ping"}, "ping")

    def _look(self, event: SSEvent) -> None:
        # The SDKs go by the event's name, other clients by the type in its data.
        said = {} if event.event else document(event)
        if said.get("error") or said.get("type") == "error":
            # The SDKs skip what has no name, and an error no less: it is said again at the end.
            self._complaint = error_of(said)
        else:
            self.ended = self.ended or (event.event or said.get("type")) in TERMINALS

    def failure(self, error: StackError, request_id: str) -> bytes:
        return frame(envelope(self._complaint or error, request_id), "error")
