"""The one seam through which a remote provider speaks HTTP.

A transport opens connections, keeps them for the next call and knows nothing of any protocol
above HTTP. What goes wrong is a `StackError`, so that nothing of a client library gets out; the
message names no address and no secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from ....core.canon.errors import UpstreamError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds, each for one phase; None waits for ever.

    `first_byte` runs from the request's last byte to the answer's head, `idle` between two pieces
    of the body, `total` over the whole of a call.
    """

    connect: float = 5.0
    first_byte: float | None = 60.0
    idle: float | None = 60.0
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca` adds a bundle to the system's; `certificate` and `key` are the client's own."""

    verify: bool = True
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class Unreachable(UpstreamError):
    """The connection could not be made, or ended before the head of an answer: none was begun."""


class Answer(ABC):
    """The head of an answer that has arrived, and a body that has not.

    It must be closed, early or not. Closing before the body's end closes the connection, so that
    the upstream stops working and no half-read connection is used again.
    """

    status: int
    headers: Mapping[str, str]  # names in lower case; of several of one name, joined by ", "

    @abstractmethod
    def chunks(self) -> AsyncGenerator[bytes]:
        """The body in pieces as they arrive: all that one read brought is one piece.

        Raises `UpstreamError` where the body is cut short, `UpstreamTimeout` where it stalls.
        """

    @abstractmethod
    async def read(self, limit: int) -> bytes:
        """The whole body; raises `UpstreamError` where it is longer than `limit` bytes."""

    @abstractmethod
    async def aclose(self) -> None: ...


class Transport(ABC):
    @abstractmethod
    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        """Send a request and wait for the head of its answer; redirects are not followed.

        Raises `Unreachable`, or `UpstreamTimeout` where a phase took too long.
        """

    @abstractmethod
    async def aclose(self) -> None: ...
