"""The neutral form that every wire protocol is translated to and from.

Frozen, slotted value types: a `Request` of turns and parts goes in, events come out, and a
`Response` is the fold of those events (`collect.py`). Nothing here validates or does I/O.

Three rules hold for every node:

* `extra[api]` keeps the fields of a known object that this model has no name for. They come back
  when the node is written in that same API, and are a ledger entry when it is written in another.
  A key that begins with an underscore is no field: it remembers which of several equal spellings
  the client chose.
* `at` is where the node stood in the client's document (`messages.2.content.0`). It takes no
  part in comparisons and exists so that an error or a loss can name the place.
* An object of an unknown *type* is kept whole as `Opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar, dataclass_transform

from .errors import StackError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Object: TypeAlias = Mapping[str, JSON]
Extra: TypeAlias = Mapping[str, Object]

Role: TypeAlias = Literal["system", "developer", "user", "assistant"]
ToolKind: TypeAlias = Literal["function", "custom", "server"]
MediaKind: TypeAlias = Literal["image", "audio", "video", "document"]
StopReason: TypeAlias = Literal[
    "end", "length", "stop_sequence", "tool_call", "pause", "refusal", "filter", "context"
]


C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(*, kw_only: bool = False) -> Callable[[type[C]], type[C]]:
    """A frozen, slotted dataclass, but that only a type checker holds it frozen.

    One that freezes itself takes five times as long to make, and each token makes some.
    """
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)


@node(kw_only=True)
class Node:
    """What every node may carry beside its own fields; see the module's rules."""

    extra: Extra | None = None
    at: str | None = field(default=None, compare=False)


# Parts -------------------------------------------------------------------------------------------


@node()
class TokenLogprob(Node):
    """One sampled token; `data` holds its bytes, which need not be whole UTF-8 characters."""

    token: str
    logprob: float
    data: bytes | None = None
    top: tuple[TokenLogprob, ...] = ()


@node()
class Citation(Node):
    """A source for a span of text; `kind` is the wire's own word (`url_citation`, …)."""

    kind: str
    start: int | None = None
    end: int | None = None
    url: str | None = None
    title: str | None = None
    quote: str | None = None


@node()
class Text(Node):
    text: str
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@node()
class Refusal(Node):
    text: str


@node()
class Media(Node):
    """An image, a sound, a film or a document, by exactly one of data, text, url or file_id.

    `data` is base64 as the client wrote it; `text` is a document given as plain text.
    """

    kind: MediaKind
    media_type: str | None = None
    data: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    detail: str | None = None


@node()
class Reasoning(Node):
    """What the model thought. `sealed` is an opaque form of it (redacted or encrypted thinking);

    `signature` vouches for `text`; `origin` names the provider that made either.
    """

    text: str = ""
    summary: tuple[str, ...] = ()
    signature: str | None = None
    sealed: str | None = None
    origin: str | None = None
    id: str | None = None


@node()
class ToolCall(Node):
    """`arguments` is verbatim text: JSON for a function, free text for a custom tool.

    The call of a server tool is run here, and its result follows in the same answer. `server` is
    the label of the tool server that it goes to. It is `pending` while the client has not agreed to
    it; run after that, its `approval` is the id of the pending one.
    """

    id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    namespace: str | None = None
    server: str | None = None
    pending: bool = False
    approval: str | None = None


@node()
class Approval(Node):
    """What the client says to a pending call; it lives in a user turn."""

    call_id: str
    approve: bool
    reason: str | None = None


@node()
class ToolListing(Node):
    """The functions that a tool server has, or why nobody knows."""

    server: str
    tools: tuple[Tool, ...] = ()
    error: str | None = None


@node()
class Opaque(Node):
    """A wire object of a type that this model does not know, whole, in its own protocol.

    `meaning` is what it says in parts of this model, for whoever runs server tools here.
    """

    protocol: str
    type: str
    data: Object
    meaning: tuple[Part, ...] = ()


@node()
class ToolResult(Node):
    """What a tool answered; it lives in a user turn. That of a server tool follows its call."""

    call_id: str
    content: tuple[Text | Media | Opaque, ...]
    is_error: bool = False
    kind: ToolKind = "function"
    server: str | None = None


Part: TypeAlias = (
    Text | Refusal | Media | Reasoning | ToolCall | ToolResult | Approval | ToolListing | Opaque
)


# Requests ----------------------------------------------------------------------------------------


@node()
class Turn(Node):
    role: Role
    parts: tuple[Part, ...]
    id: str | None = None
    status: str | None = None
    name: str | None = None


@node()
class ToolGrammar(Node):
    """The language that a custom tool's input, or a whole answer, must belong to."""

    syntax: str  # "lark", "regex" or "gbnf"
    definition: str


@node()
class ToolServer(Node):
    """A server of functions, by a label and perhaps an address, as a client asks for it.

    `allowed` narrows its functions to some, and `denied` takes some away. A call waits for the
    client's `approval`, always or never, and for the functions in `exceptions` it is the other way.
    """

    label: str
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed: tuple[str, ...] | None = None
    denied: tuple[str, ...] = ()
    approval: Literal["always", "never"] = "never"
    exceptions: tuple[str, ...] = ()

    def offers(self, name: str) -> bool:
        return name not in self.denied and (self.allowed is None or name in self.allowed)

    def asks(self, name: str) -> bool:
        """Whether a call of this function waits for the client."""
        return (self.approval == "always") != (name in self.exceptions)


@node()
class Tool(Node):
    """A tool on offer. `schema` is the JSON Schema of a function's arguments (None: not given);

    `grammar` constrains a custom tool; `type` is the wire type of a server tool, and `server` is
    where the functions are that it stands for, if it stands for any. One that the client runs,
    under a type of its protocol, stands for a plain `function`.
    """

    name: str
    description: str | None = None
    schema: Object | None = None
    kind: ToolKind = "function"
    strict: bool | None = None
    namespace: str | None = None
    grammar: ToolGrammar | None = None
    type: str | None = None
    server: ToolServer | None = None
    function: Tool | None = None


@node()
class ToolChoice(Node):
    """`allowed` narrows auto and required to some of the tools; `parallel=None` means not said.

    Where a server tool is named, `server` and `function` may say which of its functions.
    """

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None
    namespace: str | None = None
    kind: ToolKind = "function"
    allowed: tuple[str, ...] | None = None
    parallel: bool | None = None
    server: str | None = None
    function: str | None = None


@node()
class Sampling(Node):
    """None always means that the client did not say; the provider's own default then holds."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[int, float] | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    n: int = 1


@node()
class ReasoningConfig(Node):
    """`enabled=None` leaves it to the model; `budget` is in tokens."""

    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None
    summary: str | None = None


@node()
class OutputFormat(Node):
    """What the whole answer must be; `grammar` is of the kind of that name."""

    kind: Literal["text", "json", "schema", "grammar"] = "text"
    schema: Object | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    verbosity: str | None = None
    grammar: ToolGrammar | None = None


@node()
class Request(Node):
    """One call of a model, in any protocol.

    `instructions` is the system text that stands outside the conversation (`system` in Messages,
    `instructions` in Responses); a system text inside it is a turn at its own place.
    `template_kwargs` goes to the chat template of a local model. `headers` are those that the
    API calls its own (betas, versions), for an upstream of the same protocol. One that `compacts`
    asks for the conversation in brief instead of an answer; its last turn stands for that wish. One
    that `truncates` may lose its oldest turns where it is too long for the model.
    `max_tool_calls` bounds the calls of server tools that one answer may have run.
    """

    model: str | None
    turns: tuple[Turn, ...]
    instructions: tuple[Text | Opaque, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    sampling: Sampling = Sampling()
    reasoning: ReasoningConfig = ReasoningConfig()
    output: OutputFormat = OutputFormat()
    stream: bool = False
    metadata: Object | None = None
    user: str | None = None
    template_kwargs: Object | None = None
    previous_id: str | None = None
    max_tool_calls: int | None = None
    origin: str = ""  # the name of the API that decoded it
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)
    compacts: bool = False
    truncates: bool = False

    def conversation(self) -> tuple[Turn, ...]:
        """The turns with the instructions in front, for providers that know one list only."""
        if not self.instructions:
            return self.turns
        at = self.instructions[0].at
        return (Turn("system", self.instructions, at=at), *self.turns)


@node()
class EmbeddingRequest(Node):
    """Texts to be turned into vectors, of `dimensions` numbers each where the client says so.

    A text may come as the model's own tokens. One that is too long is refused, unless `truncate`.
    """

    model: str | None
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    user: str | None = None
    truncate: bool = False


@node()
class RerankRequest(Node):
    """Documents to be scored by how well they answer a query; the client wants the `top` ones."""

    model: str | None
    query: str
    documents: tuple[str, ...]
    top: int | None = None


# Answers -----------------------------------------------------------------------------------------


@node()
class Usage(Node):
    """Token counts. `input` includes what was read from a cache or written to one."""

    input: int = 0
    output: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    estimated: bool = False


@node()
class Stop(Node):
    """Why the answer ended; `sequence` is the stop string met, `raw` the upstream's own word."""

    reason: StopReason
    sequence: str | None = None
    raw: str | None = None


@node()
class Response(Node):
    """A whole answer: the fold of a stream that ended with `Finished`."""

    id: str
    model: str
    parts: tuple[Part, ...]
    stop: Stop
    usage: Usage | None = None


@node()
class Embeddings(Node):
    """A vector for each input, in their order."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None


@node()
class Ranking(Node):
    """A score for each document, in their order; the higher, the better it answers."""

    scores: tuple[float, ...]
    usage: Usage | None = None


# Events ------------------------------------------------------------------------------------------


@node()
class Started(Node):
    """The provider has accepted the request. `usage.input` is known here by local engines."""

    id: str
    model: str
    usage: Usage | None = None


@node()
class PartStarted(Node):
    """A part begins; its text fields are empty and are filled by the deltas of this index."""

    index: int
    part: Part


@node()
class Delta(Node):
    """More text for an open part: text, thinking, refusal or arguments, by the part's type."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@node()
class PartAnnotated(Node):
    """A citation for an open text, or the signature, seal, summary or id of an open reasoning."""

    index: int
    value: Citation | Reasoning


@node()
class PartEnded(Node):
    index: int


@node()
class Finished(Node):
    stop: Stop
    usage: Usage | None = None


@node()
class Failed(Node):
    error: StackError


@node()
class Ping(Node):
    """Nothing yet, and still alive."""


Event: TypeAlias = (
    Started | PartStarted | Delta | PartAnnotated | PartEnded | Finished | Failed | Ping | Opaque
)


def text_of(parts: tuple[Part, ...]) -> str:
    """The plain text of some parts, one after another."""
    return "".join(_texts(parts))


def _texts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text() | Refusal():
                yield part.text
            case ToolResult():
                yield from _texts(part.content)
            case _:
                pass
