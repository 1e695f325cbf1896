"""What an Api says of a connection that stays open: messages in, calls to make, messages out.

It is pure like all of an Api, and knows no WebSocket: whoever serves it reads the messages, makes
the calls that they ask for, and sends what the answers become. A call's answer is the same stream
of bytes that it would be over HTTP. A message that goes out is text, as UTF-8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..canon.errors import StackError

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that a message asks for: the operation's name, and its body.

    Calls of one `lane` are answered one after another; in the lane without a name, which most
    clients use, there is none to wait behind, and a second call is refused. Where it is not to
    `generate`, the answer is empty, and kept so that another can go on from it.
    """

    operation: str
    document: Document
    lane: str = ""
    generate: bool = True


class Writing(ABC):
    """Turns the answer to one call into messages."""

    ended = False
    """Whether the last of them is out: then another call may follow, though its stream goes on."""

    def head(self, headers: Mapping[str, str]) -> None:  # noqa: B027
        """The headers of an answer that is a stream, which come before its first piece."""

    @abstractmethod
    def feed(self, chunk: bytes) -> Sequence[bytes]:
        """The messages that became whole with this piece of a stream."""

    @abstractmethod
    def whole(self, status: int, headers: Mapping[str, str], document: object) -> bytes:
        """What an answer becomes that is no stream, which most often is an error."""


class Connection(ABC):
    """One client's connection; `headers` are those of its calls."""

    headers: Mapping[str, str]

    @abstractmethod
    def receive(self, message: object) -> Wanted | bytes:
        """What a parsed message asks for, or at once what to send back; raises `InvalidRequest`."""

    @abstractmethod
    def write(self, wanted: Wanted) -> Writing: ...

    @abstractmethod
    def refuse(self, error: StackError, request_id: str, message: object = None) -> bytes:
        """An error as a message; `message` is what it answers, as far as that could be parsed."""
