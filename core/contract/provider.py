"""What a provider must be: it owns its engine or its transport, and yields canonical events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from ..canon import ir
from ..canon.errors import NotSupported
from .losses import Loss

if TYPE_CHECKING:
    from pydantic import BaseModel

ConfigModel: TypeAlias = "type[BaseModel]"


@dataclass(frozen=True, slots=True)
class Model:
    """One model on offer. Sizes are in tokens; None means that nobody knows.

    `native` holds the names of the APIs that the provider passes through untouched for this
    model; `created` is in seconds since 1970.
    """

    id: str
    context_window: int | None = None
    max_output: int | None = None
    modalities: frozenset[str] = frozenset({"text"})
    native: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    created: int = 0
    owner: str = "polystack"
    title: str | None = None


State: TypeAlias = Literal["unloaded", "loading", "loaded", "unloading"]


@dataclass(frozen=True, slots=True)
class Residence:
    """How a model is kept that its provider can bring into memory and let go.

    `model` is the provider's own id; `size` is what it takes in memory, in bytes. Tokens
    are counted since the provider started: of prompts, of those the ones that were in memory
    already, and of answers. `tokens_per_second` is how fast it wrote lately, for all together.
    """

    model: str
    state: State
    size: int | None = None
    pinned: bool = False
    slots: int | None = None
    running: int = 0
    waiting: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class TokenCount:
    input: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that was checked and encoded, and has not run yet.

    `run(choice)` starts one generation; it may be called once for each choice, at the same time.
    `losses` is what the provider will not carry over, known before anything runs; `api` names the
    protocol that an upstream is asked in, and is empty where there is none.
    """

    run: Callable[[int], AsyncIterator[ir.Event]]
    losses: Sequence[Loss] = ()
    api: str = ""


@dataclass(frozen=True, slots=True)
class NativeCall:
    """A call that an upstream gets as the client sent it.

    `api` and `operation` name what is asked for; `path` begins with a slash and `query` has no
    question mark. `headers` are the protocol's own (names in lower case), and no credentials.
    """

    api: str
    operation: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    stream: bool


class ByteStream(Protocol):
    """Bytes as they arrive. Its reader closes it, read or not; that cancels the work behind it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class NativeReply:
    """An upstream's answer, whatever its status; whoever gets it closes its `body`."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: ByteStream


class Provider(ABC):
    """A source of models, made from one entry of a distribution's `providers`.

    The life of a provider: constructed with its name and its validated configuration, `start`,
    then any number of calls at the same time, then `stop`. Heavy imports belong into `start`.

    Errors before `Started` are raised as a `StackError`; after it they are a `Failed` event, and
    the iterator ends. An iterator is always closed by its reader, early or not: closing it must
    cancel the work within one step.
    """

    type: ClassVar[str]
    Config: ClassVar[ConfigModel]
    lazy: ClassVar[bool] = False
    """Listing the models takes I/O: it is done when a name is looked for, and not at the start."""
    warms: ClassVar[bool] = False
    """A prompt that it has read costs less when it comes again, and reading one costs no money."""

    @classmethod
    def probe(cls) -> Sequence[str] | None:
        """A check of what the provider needs, as arguments after `python -m`; it may crash.

        `stack doctor` runs it in a process of its own. It prints one line of JSON and exits with
        0 where all is well. None means that there is nothing to check.

        The line is an object: `ok`; where that is false `error`, and `missing: true` if it is only
        that the engine is not installed, which is no fault; `remedy`; and whatever facts are worth
        showing. Of several lines the later ones add to the earlier, so that a check can print a
        `remedy` before the step that may kill it.
        """
        return None

    def __init__(self, name: str, config: Any) -> None:
        self.name = name
        self.config = config

    async def start(self) -> None:  # noqa: B027 (a provider may have nothing to load)
        """Load what is needed to serve; raises `ConfigError` with the remedy."""

    async def stop(self) -> None:  # noqa: B027
        """Let go of everything; the generations that still run are cancelled."""

    def status(self) -> Mapping[str, int]:
        """What is going on, in numbers for `GET /health`: slots, running, waiting."""
        return {}

    def residences(self) -> Sequence[Residence]:
        """The models that `load_model` and `unload_model` are for, and how each is kept now."""
        return ()

    async def load_model(self, model: str) -> None:
        """Bring a model of `residences` into memory, and return when it is there.

        Harmless for one that is there. Raises a `StackError` for one that does not come.
        """
        raise NotSupported(_unkept(self, model, "load"), param="model")

    async def unload_model(self, model: str) -> None:
        """Let a model of `residences` go; whoever asks for it again brings it back.

        Harmless for one that is not there. Raises `Conflict` for one that answers somebody.
        """
        raise NotSupported(_unkept(self, model, "unload"), param="model")

    @abstractmethod
    async def models(self) -> Sequence[Model]: ...

    def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        """Answer a request; the simplest provider writes this one and `models`."""
        raise NotImplementedError(f"{type(self).__name__} must define generate() or prepare()")

    async def prepare(self, request: ir.Request) -> Prepared:
        """Check and encode a request, without any I/O that the model would have to wait for.

        `request.model` is the provider's own id of the model. Raises a `StackError` for what
        can be known to fail; reports the rest as losses.
        """
        return Prepared(lambda choice: self.generate(request))

    def offer(self, id: str) -> Model | None:
        """The model of an id that `models` does not list, where the provider would try it."""
        return None

    def objections(self, call: NativeCall) -> Sequence[str]:
        """Why a call cannot be forwarded as it is, in a word each; it is then decoded and repaired.

        Asked for every native call, so it looks at the bytes and parses nothing.
        """
        return ()

    async def forward(self, call: NativeCall) -> NativeReply:
        """Pass a call on untouched, for a model whose `native` names the call's API.

        Raises a `StackError` for what is no answer (refused, cut, timed out, this server's own
        credentials). An upstream's error is an answer.
        """
        raise NotImplementedError(f"{type(self).__name__} declares no native API")

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        """Input tokens of a request; the base class guesses a token per four bytes of text."""
        size = sum(len(text.encode()) for text in _words(request))
        return TokenCount(max(1, round(size / 4)), estimated=True)

    async def embed(self, request: ir.EmbeddingRequest) -> ir.Embeddings:
        """A vector for each input; `request.model` is the provider's own id of the model."""
        raise NotSupported(
            f"model {request.model!r} makes no embeddings; ask a model that does", param="model"
        )

    async def rerank(self, request: ir.RerankRequest) -> ir.Ranking:
        """A score for each document; `request.model` is the provider's own id of the model."""
        raise NotSupported(
            f"model {request.model!r} ranks no documents; ask a model that does", param="model"
        )


def _unkept(provider: Provider, model: str, verb: str) -> str:
    return (
        f"there is nothing to {verb}: {provider.name!r}, the provider of {model!r}, keeps no model "
        "in this process"
    )


def _words(request: ir.Request) -> list[str]:
    words = [ir.text_of(request.instructions)]
    for turn in request.turns:
        words.append(ir.text_of(turn.parts))
        words += [
            part.name + part.arguments for part in turn.parts if isinstance(part, ir.ToolCall)
        ]
    words += [f"{tool.name}{tool.description or ''}{tool.schema or ''}" for tool in request.tools]
    return words
