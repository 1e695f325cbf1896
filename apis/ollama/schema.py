"""The requests as they stand on the wire: unknown fields are kept, and nothing is coerced."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Object = dict[str, Any]
Think = bool | str
Format = Literal["", "json"] | Object


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class Function(Wire):
    name: str = Field(min_length=1)
    arguments: Object = {}


class ToolCall(Wire):
    function: Function
    id: str | None = None


class Message(Wire):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Described(Wire):
    name: str = Field(min_length=1)
    description: str | None = None
    parameters: Object | None = None


class Tool(Wire):
    type: Literal["function"] = "function"
    function: Described


class Options(Wire):
    num_predict: int | None = None
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = None
    presence_penalty: float | None = Field(default=None, allow_inf_nan=False)
    frequency_penalty: float | None = Field(default=None, allow_inf_nan=False)
    stop: str | list[str] | None = None


class _Asked(Wire):
    model: str = Field(min_length=1)
    stream: bool | None = None
    format: Format | None = None
    options: Options | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)


class Chat(_Asked):
    messages: list[Message] | None = None
    tools: list[Tool] | None = None


class Generate(_Asked):
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    suffix: str | None = None
    template: str | None = None
    raw: bool | None = None
    context: list[int] | None = None


class Show(Wire):
    model: str | None = None
    name: str | None = None  # as older clients have it


class Embed(Wire):
    model: str = Field(min_length=1)
    input: str | list[str] = Field(max_length=1 << 22)
    dimensions: int | None = Field(default=None, ge=1)
    truncate: bool | None = None  # by default texts that are too long are cut
    options: Object | None = None


class Embeddings(Wire):
    """The older `/api/embeddings`."""

    model: str = Field(min_length=1)
    prompt: str
    options: Object | None = None
