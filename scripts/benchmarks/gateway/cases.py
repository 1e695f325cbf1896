"""What is measured: which client's protocol reaches which of the upstream's, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .answers import TOKENS
from .requests import Protocol, Size

Shape = Literal["json", "stream", "paced"]

PATHS: dict[Protocol, str] = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}
PACE_US = 10_000
PACED_STREAMS = 100


@dataclass(frozen=True)
class Case:
    client: Protocol
    upstream: Protocol
    shape: Shape
    size: Size = "small"

    @property
    def route(self) -> str:
        if self.client == self.upstream:
            return f"{self.client} passthrough"
        return f"{self.client} to {self.upstream}"

    @property
    def name(self) -> str:
        size = "57 KB request, " if self.size == "agent" else ""
        answer = {"json": "JSON", "stream": "stream", "paced": "paced stream"}[self.shape]
        return f"{self.route}, {size}{answer}"

    @property
    def streamed(self) -> bool:
        return self.shape != "json"

    @property
    def events(self) -> int:
        """The least number of events that a complete answer has."""
        return TOKENS if self.streamed else 0

    @property
    def warmup(self) -> float:
        """Seconds over which the clients come; for paced streams as long as a stream lasts."""
        return PACE_US * TOKENS / 1e6 if self.shape == "paced" else 0.3

    @property
    def concurrency(self) -> tuple[int, ...]:
        return (PACED_STREAMS,) if self.shape == "paced" else (1, 32)


CASES = (
    Case("chat", "chat", "json"),
    Case("chat", "chat", "json", "agent"),
    Case("chat", "chat", "stream"),
    Case("messages", "messages", "json"),
    Case("messages", "messages", "json", "agent"),
    Case("messages", "messages", "stream"),
    Case("messages", "chat", "json"),
    Case("messages", "chat", "json", "agent"),
    Case("messages", "chat", "stream"),
    Case("messages", "chat", "stream", "agent"),
    Case("responses", "chat", "json"),
    Case("responses", "chat", "json", "agent"),
    Case("responses", "chat", "stream"),
    Case("chat", "chat", "paced"),
    Case("messages", "chat", "paced"),
)
