"""What a wire protocol must be: documents and bytes in, canonical values out, and the way back.

An Api is pure. It opens no socket, reads no clock and mints no identifier: those come in through
`Context`. The server mounts the operations that an Api declares and knows no path itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ..canon import ir
from ..canon.errors import StackError
from .connection import Connection
from .losses import Ledger
from .provider import Model, TokenCount
from .state import State

Document = dict[str, Any]
Headers = Mapping[str, str]  # names in lower case

Action = Literal[
    "generate",
    "count_tokens",
    "embed",
    "rerank",
    "models",
    "running",
    "model",
    "about",
    "state",
    "connect",
]

PREPARE = "prepare"  # what a body is decoded as whose answer is not to be generated


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client may ask for.

    `models` lists what is served, and `running` those of it that need not be loaded first;
    `model` describes one, named by the path's `{id}` or else by the body; `about` describes the
    server itself; `state` is about answers that are kept, and the business of the Api's `State`;
    `connect` opens a WebSocket, whose method is GET, and whose messages are the business of the
    Api's `Connection`.

    `path` may have `{id}` and `{item}` in it, each of which takes what stands between two slashes;
    at the end of a path it takes the rest of it, slashes included. Several APIs may declare the
    same method and path: the first whose `claims` accepts the request's headers serves it.

    An `optional` one is not known to every server of the protocol. Where an upstream does not, it
    is done here, with the upstream's model.
    """

    name: str
    action: Action
    method: str
    path: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a call is for that wants no answer: to have its model loaded, or else let go."""

    model: str
    loaded: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What an Api may not invent for itself.

    `token` is 32 random hex digits, unique to the call, from which the Api makes its identifiers;
    `created` is in whole seconds since 1970; `model` is the name that the client asked for.
    `losses` is what is known before the answer begins, and where the encoder adds its own.
    `shown` are fields of the answer that say what is kept of it. `clock` tells when the answer
    ended, the same to all who ask once it has; without one it took no time.
    """

    token: str
    created: int
    model: str
    losses: Ledger = field(default_factory=Ledger)
    shown: Document = field(default_factory=dict)
    clock: Callable[[], int] | None = None

    def ended(self) -> int:
        """In whole seconds since 1970, as `created`, and never before it."""
        return self.created if self.clock is None else max(self.created, self.clock())


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole answer, ready for any face: status, headers (lower case) and a JSON document."""

    status: int
    headers: Headers
    document: Document


class Encoder(ABC):
    """Turns the events of one call into the bytes of a stream, in the order they are fed.

    After a `Finished` for every choice, or one `Failed`, the stream is over and `feed` gives
    `b""`. A `Ping` gives whatever this protocol's clients take for a sign of life, and is legal
    before `Started`. What the protocol cannot show goes into the context's ledger, and the
    losses of the answer go out as a comment (`: x-stack-fidelity …`) with the terminal event.
    """

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"

    @abstractmethod
    def feed(self, event: ir.Event, choice: int = 0) -> bytes: ...


class Decoder(ABC):
    """Turns the stream of one upstream call into events; a legal stream ends with its terminal.

    `feed` takes the event name (empty where the protocol names none) and the data of one
    server-sent event. `close` is called at the end of the bytes: where the terminal is missing it
    gives a `Failed`, since a stream that merely stops is never a success.
    """

    @abstractmethod
    def feed(self, event: str, data: bytes) -> Iterable[ir.Event]: ...

    @abstractmethod
    def close(self) -> Iterable[ir.Event]: ...


class Relay(ABC):
    """Watches an answer stream that passes through unchanged, and can end it properly.

    `feed` takes a chunk and gives the bytes that may go on to the client: all up to the end of the
    last whole event. Half an event is held until the rest of it comes, since clients cannot read
    one, and nothing could be put behind it. `rest` is what is held at the end; it belongs to the
    stream where that has `ended`: a terminal has passed (success or the protocol's own error).

    `failure` is what to append where the upstream broke off, in place of the rest: it says what
    happened in the form that this protocol's clients recognise. `ping` is a sign of life that may
    be put in at any time.
    """

    ended: bool = False

    @abstractmethod
    def feed(self, chunk: bytes) -> bytes:
        """Raises `UpstreamError` for an event that is too long to be one."""

    @abstractmethod
    def rest(self) -> bytes: ...

    @abstractmethod
    def ping(self) -> bytes: ...

    @abstractmethod
    def failure(self, error: StackError, request_id: str) -> bytes: ...


class Api(ABC):
    """A protocol: as a server speaks it, and as a client of an upstream does."""

    name: ClassVar[str]
    title: ClassVar[str]  # for people: "Anthropic Messages"
    operations: ClassVar[tuple[Operation, ...]]
    handles: ClassVar[frozenset[str]] = frozenset()
    """Top-level fields that the API honours itself, or that ask nothing of a model: no loss."""
    request_headers: ClassVar[frozenset[str]] = frozenset()
    """What of a client's headers an upstream of this same protocol is sent: betas, versions."""
    response_headers: ClassVar[tuple[str, ...]] = ()
    """What of such an upstream's headers the client gets; one that ends in `*` is a prefix."""
    keeps: ClassVar[bool] = False
    """Whether some calls want no answer: `keeping` is asked of each, and `kept` answers them."""
    stream_type: ClassVar[str] = "text/event-stream"
    """The content type of its streams, by which an upstream's is known to be one."""
    opaque: ClassVar[Literal["signature", "sealed"] | None] = None
    """The field of a `Reasoning` with text that its clients echo unread: where a seal goes."""
    state: ClassVar[State | None] = None
    """How it goes on from answers that are kept; None for a protocol that keeps none."""

    def claims(self, headers: Headers) -> bool:
        """Whether a request that several APIs could serve, or none, looks like this one's."""
        return True

    def keeping(self, document: object, operation: str) -> Keeping | None:
        """What a call is for that wants no answer; None for one that does."""
        return None

    def kept(self, wanted: Keeping, operation: str, context: Context) -> Document:
        """The answer to a call that wanted none."""
        raise NotImplementedError(f"{type(self).__name__} has no call that wants no answer")

    @abstractmethod
    def decode(self, document: object, operation: str = "create") -> ir.Request:
        """A parsed JSON body as a canonical request; raises `InvalidRequest` naming the field.

        `operation` is the name of an operation, or `PREPARE`.
        """

    @abstractmethod
    def encoder(self, request: ir.Request, context: Context) -> Encoder:
        """A fresh encoder for the streamed answer of one call."""

    @abstractmethod
    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        """The whole answer; one response per choice that was asked for."""

    @abstractmethod
    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        """An error before the first byte of an answer, in this protocol's envelope."""

    @abstractmethod
    def count(self, count: TokenCount) -> Document: ...

    # The other direction: the same protocol as a client of an upstream speaks it.

    @abstractmethod
    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        """The body that asks an upstream for `model`, and what this protocol cannot say."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """A fresh decoder for the streamed answer of one call."""

    @abstractmethod
    def events(self, document: object) -> Iterable[ir.Event]:
        """The events that a whole answer of an upstream stands for, terminal included."""

    @abstractmethod
    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        """An upstream's answer that is no answer; secrets and addresses never go into it."""

    # The third way: bytes that pass through, where client and upstream speak this protocol.

    def relay(self) -> Relay:
        """A fresh watcher for a stream that passes through."""
        raise NotImplementedError(f"{self.title} passes nothing through")

    def fault(self, document: object) -> StackError | None:
        """The error that a whole answer under a 2xx turns out to hold, or None if it is one."""
        return None

    # What only some protocols have; one that declares the action overrides its method.

    def compacted(self, seal: str) -> ir.Opaque:
        """What a client gets of a conversation in brief, and gives back in place of it."""
        raise NotImplementedError(f"{self.title} asks for no conversation in brief")

    def named(self, document: object) -> str:
        """The model that a body asks to have described; raises `InvalidRequest`."""
        raise NotImplementedError(f"{self.title} names no model in a body")

    def about(self, version: str) -> Document:
        """The server itself, whose version is polystack's own."""
        raise NotImplementedError(f"{self.title} does not describe its server")

    def decode_embedding(self, document: object, operation: str = "embed") -> ir.EmbeddingRequest:
        """A parsed JSON body that asks for embeddings; raises `InvalidRequest`."""
        raise NotImplementedError(f"{self.title} has no embeddings")

    def embeddings(self, request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
        raise NotImplementedError(f"{self.title} has no embeddings")

    def decode_rerank(self, document: object) -> ir.RerankRequest:
        """A parsed JSON body that asks for a ranking; raises `InvalidRequest`."""
        raise NotImplementedError(f"{self.title} has no ranking")

    def ranking(self, request: ir.RerankRequest, answer: ir.Ranking) -> Document:
        raise NotImplementedError(f"{self.title} has no ranking")

    def connection(self, headers: Headers) -> Connection:
        """A fresh connection, opened by a request with these headers."""
        raise NotImplementedError(f"{self.title} has no connections")

    # What is on offer.

    @abstractmethod
    def models(self, models: Sequence[Model]) -> Document: ...

    @abstractmethod
    def model(self, model: Model) -> Document: ...
