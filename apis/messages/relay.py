"""The stream of an upstream that speaks Messages, as it passes through."""

from __future__ import annotations

from typing import ClassVar

from ...core.canon.errors import StackError
from ..relay import Watcher, document
from ..sse import SSEvent, frame
from .errors import envelope

TERMINALS = {"message_stop", "error"}


class MessagesRelay(Watcher):
    marks: ClassVar[tuple[bytes, ...]] = (
        b"message_stop",
        b'"error"',
        b"event: error",
        b"event:error",
    )

    def ping(self) -> bytes:
        return frame({"type": "ping"}, "ping")

    def _look(self, event: SSEvent) -> None:
        # The SDKs go by the event's name, other clients by the type in its data.
        kind = event.event or document(event).get("type")
        self.ended = self.ended or kind in TERMINALS

    def failure(self, error: StackError, request_id: str) -> bytes:
        return frame(envelope(error, request_id), "error")
