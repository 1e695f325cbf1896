"""What a script may say: answers in order, of which the first whose conditions hold is given.

A text, or arguments, may be one string or the list of deltas it comes in. `{{user}}`, `{{model}}`
and `{{tool_result}}` stand for what the request says.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...core.canon import ir
from ...core.canon.errors import StackError

Deltas = str | list[str]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


# Conditions --------------------------------------------------------------------------------------


class When(_Entry):
    """All that is given must hold. `text` and `system` are a substring, or a `/regex/`."""

    text: str | None = None  # of the user's last text
    system: str | None = None
    model: str | None = None
    tool: str | None = None  # a tool of this name is offered
    tools: bool | None = None  # any tool is offered, and may be called
    tool_result: bool | None = None  # the last turn holds a tool's answer
    image: bool | None = None
    structured: bool | None = None  # JSON is asked for
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
    """One part: exactly one of the first seven keys, and what goes with a text."""

    text: Deltas | None = None
    refusal: Deltas | None = None
    reasoning: ReasoningEntry | Deltas | None = None
    tool_call: CallEntry | None = None
    call_offered_tool: Literal[True] | None = None  # with arguments that fit its schema
    structured: Literal[True] | None = None  # JSON that fits the schema asked for
    opaque: OpaqueEntry | None = None
    citations: list[CitationEntry] = []
    logprobs: list[LogprobEntry] = []

    @model_validator(mode="after")
    def _one_kind(self) -> PartEntry:
        kinds = type(self).model_fields.keys() - {"citations", "logprobs"}
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"a part is exactly one of {', '.join(sorted(kinds))}")
        return self


# Answers -----------------------------------------------------------------------------------------


class StopEntry(_Entry):
    reason: ir.StopReason
    sequence: str | None = None


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


class ErrorEntry(_Entry):
    kind: str
    message: str = "the script says so"
    code: str | None = None
    retry_after: float | None = None

    @model_validator(mode="after")
    def _known(self) -> ErrorEntry:
        if self.kind not in _kinds():
            raise ValueError(f"kind must be one of {', '.join(sorted(_kinds()))}")
        return self

    def error(self) -> StackError:
        cls = _kinds()[self.kind]
        return cls(self.message, code=self.code, retry_after=self.retry_after)


class AnswerEntry(_Entry):
    """`error` comes before the start; `fail` and `hang` come after the parts.

    `delay` and `pace` are in seconds: before the start, and before each delta. With `overlap` all
    parts open at once and their deltas take turns.
    """

    when: When = When()
    parts: list[PartEntry] = []
    stop: ir.StopReason | StopEntry | None = None
    usage: UsageEntry | None = None
    error: ErrorEntry | None = None
    fail: ErrorEntry | None = None
    hang: bool = False
    overlap: bool = False
    delay: float = Field(0, ge=0)
    pace: float = Field(0, ge=0)


class ModelEntry(_Entry):
    id: str
    context_window: int | None = 32_768
    max_output: int | None = 4_096


class Script(_Entry):
    models: list[ModelEntry] = [ModelEntry(id="scripted")]
    answers: list[AnswerEntry] = Field(min_length=1)
