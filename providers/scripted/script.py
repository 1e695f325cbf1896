"""What a script may say: answers in order, of which the first whose conditions hold is given.

A text, or arguments, may be one string or the list of deltas it comes in. `{{user}}`, `{{model}}`
and `{{tool_result}}` stand for what the request says, `{{n}}` for the answer's number from 1 on.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from ...core.canon import ir
from ...core.canon.errors import ContextOverflow, ProtocolViolation, StackError
from ...core.canon.grammar import Grammar

Deltas = str | list[str]
Index = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

STRUCTURED = AliasChoices("structured", "json")  # `json` is a method of pydantic's models


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


# Conditions --------------------------------------------------------------------------------------


def expression(pattern: str) -> str | None:
    """The regular expression between two slashes; None for a plain substring."""
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        return pattern[1:-1]
    return None


def _compiles(pattern: str) -> str:
    try:
        re.compile(expression(pattern) or "")
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class When(_Entry):
    """All that is given must hold. `text` and `system` are a substring, or a `/regex/`."""

    text: Pattern | None = None  # of the user's last text
    system: Pattern | None = None
    model: str | None = None
    turn: int | None = Field(None, ge=1)  # 1 where the model has not answered yet
    tool: str | None = None  # a tool of this name is offered
    tools: bool | None = None  # any tool is offered, and may be called
    tool_result: bool | None = None  # the last turn holds a tool's answer
    image: bool | None = None
    structured: bool | None = Field(None, validation_alias=STRUCTURED)  # JSON is asked for
    thinking: bool | None = None  # reasoning is asked for


# Parts -------------------------------------------------------------------------------------------


class CitationEntry(_Entry):
    kind: str = "url_citation"
    start: int | None = None
    end: int | None = None
    url: str | None = None
    title: str | None = None
    quote: str | None = None


class LogprobEntry(_Entry):
    token: str
    logprob: float
    top: list[LogprobEntry] = []


class ReasoningEntry(_Entry):
    text: Deltas = ""
    summary: list[str] = []
    signature: str | None = None
    sealed: str | None = None


class CallEntry(_Entry):
    name: str
    arguments: dict[str, Any] | Deltas = "{}"
    kind: ir.ToolKind = "function"
    id: str | None = None
    namespace: str | None = None


class OpaqueEntry(_Entry):
    protocol: str
    type: str
    data: dict[str, Any]


class PartEntry(_Entry):
    """One part: exactly one of the first seven keys, and what goes with a text.

    With `logprobs` the deltas are their tokens; `text` is then empty, or the same text.
    """

    text: Deltas | None = None
    refusal: Deltas | None = None
    reasoning: ReasoningEntry | Deltas | None = None
    tool_call: CallEntry | None = None
    call_offered_tool: Literal[True] | None = None  # with arguments that fit its schema
    structured: Literal[True] | None = Field(None, validation_alias=STRUCTURED)  # JSON that fits
    opaque: OpaqueEntry | None = None
    citations: list[CitationEntry] = []
    logprobs: list[LogprobEntry] = []

    @model_validator(mode="after")
    def _one_kind(self) -> PartEntry:
        kinds = type(self).model_fields.keys() - {"citations", "logprobs"}
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"a part is exactly one of {', '.join(sorted(kinds))}")
        if self.text is None and (self.citations or self.logprobs):
            raise ValueError("citations and logprobs belong to a text")
        tokens = "".join(each.token for each in self.logprobs)
        if tokens and "".join(self.text or "") not in ("", tokens):
            raise ValueError("the tokens of logprobs must add up to the text")
        return self


# Raw events --------------------------------------------------------------------------------------


class NoteEntry(_Entry):
    """What may be said of an open reasoning."""

    summary: list[str] = []
    signature: str | None = None
    sealed: str | None = None


# What stands beside the key that says which event it is: what must, and what may.
_BESIDE: dict[str, tuple[set[str], set[str]]] = {
    "start": ({"part"}, set()),
    "delta": ({"text"}, {"logprobs"}),
    "annotate": (set(), {"citation", "reasoning"}),
    "end": (set(), set()),
    "opaque": (set(), set()),
    "ping": (set(), set()),
}


class EventEntry(_Entry):
    """One event: `start`, `delta`, `annotate` and `end` give a part's index; `ping` is the word.

    A part that starts may have content already, which then comes right behind its start.
    """

    start: Index | None = None
    part: PartEntry | None = None
    delta: Index | None = None
    text: str = ""
    logprobs: list[LogprobEntry] = []
    annotate: Index | None = None
    citation: CitationEntry | None = None
    reasoning: NoteEntry | None = None
    end: Index | None = None
    opaque: OpaqueEntry | None = None
    ping: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        if isinstance(value, str) and value != "ping":
            raise ValueError("the only event that is one word is ping")
        return {"ping": True} if value == "ping" else value

    @model_validator(mode="after")
    def _one_event(self) -> EventEntry:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        kinds = given & _BESIDE.keys()
        if len(kinds) != 1:
            raise ValueError(f"an event is exactly one of {', '.join(_BESIDE)}")
        (kind,) = kinds
        required, optional = _BESIDE[kind]
        if missing := required - given:
            raise ValueError(f"{kind} needs {min(missing)}")
        if wrong := given - kinds - required - optional:
            raise ValueError(f"{kind} takes no {min(wrong)}")
        if kind == "annotate" and (self.citation is None) == (self.reasoning is None):
            raise ValueError("annotate with exactly one of citation, reasoning")
        if self.part is not None and self.part.opaque is not None:
            raise ValueError("an opaque object is an event of its own: `- opaque: {…}`")
        return self


def _outline(entry: EventEntry) -> ir.Event:
    """The event without its content: as much as the order of events depends on."""
    match entry:
        case EventEntry(start=int() as index):
            return ir.PartStarted(index, ir.Text(""))
        case EventEntry(delta=int() as index):
            return ir.Delta(index, "")
        case EventEntry(annotate=int() as index):
            return ir.PartAnnotated(index, ir.Reasoning())
        case EventEntry(end=int() as index):
            return ir.PartEnded(index)
    return ir.Ping()


# Answers -----------------------------------------------------------------------------------------


class StopEntry(_Entry):
    reason: ir.StopReason
    sequence: str | None = None
    raw: str | None = None


class UsageEntry(_Entry):
    input: int = Field(0, ge=0)
    output: int = Field(0, ge=0)
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


def _kinds(cls: type[StackError] = StackError) -> dict[str, type[StackError]]:
    """The error classes by their kind; of several, the one nearest to the root."""
    found = {cls.kind: cls}
    for sub in cls.__subclasses__():
        found = {**_kinds(sub), **found}
    return found


class OverflowEntry(_Entry):
    tokens: int
    limit: int


class ErrorEntry(_Entry):
    """An error by its kind, or `context_overflow`, which has its own words."""

    kind: str | None = None
    message: str = "the script says so"
    code: str | None = None
    retry_after: Seconds | None = None
    context_overflow: OverflowEntry | None = None

    @model_validator(mode="after")
    def _known(self) -> ErrorEntry:
        if self.context_overflow is not None:
            if self.model_fields_set != {"context_overflow"}:
                raise ValueError("context_overflow has a kind, a message and a code of its own")
        elif self.kind not in _kinds():
            kinds = ", ".join(sorted(_kinds()))
            raise ValueError(f"kind must be one of {kinds}; or give context_overflow")
        return self

    def error(self) -> StackError:
        if self.context_overflow is not None:
            return ContextOverflow(self.context_overflow.tokens, self.context_overflow.limit)
        assert self.kind is not None, "the schema asks for one of the two"
        return _kinds()[self.kind](self.message, code=self.code, retry_after=self.retry_after)


class AnswerEntry(_Entry):
    """`error` comes before the start; `fail` and `hang` come after the parts.

    `delay` and `pace` are in seconds: before the start, and before each delta. With `overlap` all
    parts open at once and their deltas take turns. `events` takes the place of `parts` where the
    order of events matters; `Started` and the terminal are not among them.
    """

    when: When = When()
    parts: list[PartEntry] = []
    events: list[EventEntry] = []
    stop: ir.StopReason | StopEntry | None = None
    usage: UsageEntry | None = None
    error: ErrorEntry | None = None
    fail: ErrorEntry | None = None
    hang: bool = False
    overlap: bool = False
    delay: Seconds = 0
    pace: Seconds = 0

    @model_validator(mode="after")
    def _consistent(self) -> AnswerEntry:
        beside = self.model_fields_set - {"when", "delay", "error"}
        if self.error is not None and beside:
            raise ValueError(f"an error comes before the start, so without {min(beside)}")
        if self.fail is not None and self.hang:
            raise ValueError("an answer that hangs never comes to fail")
        if self.events and (self.parts or self.overlap):
            raise ValueError("events take the place of parts and overlap")
        return self

    @model_validator(mode="after")
    def _in_legal_order(self) -> AnswerEntry:
        grammar = Grammar()
        grammar.feed(ir.Started("", ""))
        for number, entry in enumerate(self.events):
            try:
                grammar.feed(_outline(entry))
            except ProtocolViolation as error:
                raise ValueError(f"event {number}: {error.message}") from None
        if grammar.open and not (self.fail or self.hang):
            raise ValueError(f"parts {sorted(grammar.open)} never end")
        return self


class ModelEntry(_Entry):
    id: str = Field(min_length=1)
    context_window: int | None = 32_768
    max_output: int | None = 4_096


Answers = Annotated[list[AnswerEntry], Field(min_length=1)]
Models = Annotated[list[ModelEntry], Field(min_length=1)]


class Script(_Entry):
    models: Models = [ModelEntry(id="scripted")]
    answers: Answers
