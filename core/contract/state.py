"""What an Api says of answers that are kept: how one goes on, and how a client looks at it again.

State is a protocol's own business (what a conversation is, which fields name it, how it is paged),
so it lives with the Api, and like all of an Api it is pure but for the `Records` that it is given.
When an answer is kept, for whom, for how long and in which store is the Stack's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..canon import ir
from ..canon.errors import InvalidRequest, StackError

if TYPE_CHECKING:
    from .api import Context

Document = dict[str, Any]

JOURNAL = "journal"  # the kind of the records that hold the events of answers in the background


@dataclass(frozen=True, slots=True)
class Record:
    """Something kept: what it is, its name among those, and its content.

    `lifetime` is in seconds, where it is to be kept for less time than others.
    """

    kind: str
    id: str
    document: Document
    lifetime: float | None = None


class Records(ABC):
    """The records of one tenant; another tenant's are nowhere to be found.

    A stack without a store `keeps` nothing: nothing is found, and `put` raises `NotSupported`.
    """

    keeps: bool = True

    @abstractmethod
    async def get(self, kind: str, id: str) -> Document | None: ...

    @abstractmethod
    async def put(self, *records: Record) -> None:
        """Keep all of them or none; when this returns, they outlive the process."""

    @abstractmethod
    async def swap(self, record: Record, expected: Document | None) -> bool:
        """Keep a record where `expected` is what is kept, None for nothing; whether it was.

        Of those who expect the same at the same time, on all servers, one succeeds.
        """

    @abstractmethod
    async def delete(self, kind: str, id: str) -> bool:
        """Forget a record; whether there was one."""

    @abstractmethod
    async def drop(self, kind: str, prefix: str) -> int:
        """Forget all whose ids begin like this; how many there were."""

    @abstractmethod
    async def list(
        self, kind: str, prefix: str, after: str = "", limit: int = 100, backwards: bool = False
    ) -> tuple[Sequence[Record], bool]:
        """Some of those whose ids begin like this, behind `after` in their order, and whether
        there are more. Nothing needs to be at `after`."""

    def unstored(self) -> Records | None:
        """Where an answer goes that is not to be stored: what a connection remembers, if any."""
        return None


@dataclass(frozen=True, slots=True)
class Asking:
    """A call about what is kept, or a new one: what an Api may not invent, and who asks.

    `token` is 32 random hex digits, unique to the call; `now` is in whole seconds since 1970.
    `items` are the parameters of the path, in their order, and `query` those behind it, of
    which several with one name are joined by commas; `operation` is the name of what a new call
    asks for. A form is not read: its bytes are `body`, and a file in it may have `max_file` bytes.
    `lifetime` is for how many seconds records are kept.
    """

    records: Records
    token: str
    now: int
    document: object = None
    items: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    operation: str = "create"
    body: bytes = b""
    content_type: str = ""
    max_file: int = 0
    lifetime: float = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A call that begins an answer, with what it continues put into it.

    `document` is what is decoded in place of the client's own, and `shown` are the fields of the
    answer that say what is kept. `continues` says that it rests on something kept here, which no
    upstream knows; `into` is where the answer is to be kept, if it is; `background` that it is made
    whether anybody waits for it or not. `unknown` is the error for what is not known here or cannot
    be done: an upstream that keeps answers itself may know it, and can. `held` is the Api's own.
    """

    document: Document
    shown: Document = field(default_factory=dict)
    continues: bool = False
    into: Records | None = None
    background: bool = False
    unknown: StackError | None = None
    held: Any = None


@dataclass(frozen=True, slots=True)
class Watched:
    """The events of an answer that a client wants: those behind the one numbered `after`."""

    id: str
    document: Document
    after: int = -1


class State(ABC):
    """The part of an Api that is about kept answers."""

    elsewhere: ClassVar[frozenset[str]] = frozenset()
    """Operations about an answer that an upstream of the same protocol may have kept."""

    @abstractmethod
    def touches(self, body: bytes) -> bool:
        """Whether a body may refer to something kept; cheap, and right where it says no."""

    @abstractmethod
    async def open(self, asking: Asking) -> Opened:
        """Look up what a new call continues; raises `InvalidRequest` for what contradicts itself,
        and `NotSupported` for what needs a store where there is none."""

    def placed(self, error: InvalidRequest, opened: Opened) -> InvalidRequest:
        """What is wrong with the `document` of a call, told by its place in the client's own."""
        return error

    @abstractmethod
    async def keep(
        self, asking: Asking, opened: Opened, answer: Document, response: ir.Response
    ) -> Record:
        """Add an answer to what it belongs to, and give its own record, for the Stack to keep.

        `answer` is what the client is shown of it.
        """

    @abstractmethod
    async def serve(self, operation: str, asking: Asking) -> Document | bytes:
        """Answer a call about what is kept; raises `NotFound` for what is not there.

        Bytes are the content of a file.
        """

    # Answers in the background. Their records are there from the beginning, and have a lease as
    # long as somebody works on them; an Api that opens none leaves all this out.

    def begun(
        self, asking: Asking, opened: Opened, request: ir.Request, context: Context
    ) -> tuple[Record, Document]:
        """The record of an answer that is about to begin, and what a client is shown of it."""
        raise NotImplementedError(f"{type(self).__name__} has nothing in the background")

    def going(self, document: Document) -> Document:
        """The record of an answer that has begun."""
        raise NotImplementedError(f"{type(self).__name__} has nothing in the background")

    def broken(
        self, document: Document, error: StackError | None, answer: Document | None = None
    ) -> Document:
        """The record of an answer that failed, or was cancelled where there is no error.

        `answer` is what a client would be shown of it if it had been cut short there.
        """
        raise NotImplementedError(f"{type(self).__name__} has nothing in the background")

    async def current(self, asking: Asking, id: str) -> Document | None:
        """The record of an answer as it is now; one that its owner has left is broken."""
        raise NotImplementedError(f"{type(self).__name__} has nothing in the background")

    def ending(self, document: Document, number: int) -> Sequence[bytes]:
        """The last events of an answer's stream, from its record; `number` is the first one's."""
        raise NotImplementedError(f"{type(self).__name__} has nothing in the background")

    async def watched(self, operation: str, asking: Asking) -> Watched | None:
        """Whose events a call wants; None for one that wants none. Raises as `serve` does."""
        return None
