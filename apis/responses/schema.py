"""The documents that a client of Responses sends, as pydantic models.

Unknown fields are kept, unknown types of items, content parts and tools fall through to `Unknown`,
and unknown words of an enumeration are strings like any other; but a known field of the wrong JSON
type is an error, and nothing is ever coerced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class Wire(BaseModel):
    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, populate_by_name=False
    )


class Unknown(Wire):
    type: str


def by_type(tags: Mapping[str, str]) -> Discriminator:
    """Choose a union's member by the wire's `type`; what is not in the table is `Unknown`."""

    def tag(value: object) -> str:
        kind = value.get("type") if isinstance(value, dict) else None
        return tags.get(kind, "Unknown") if isinstance(kind, str) else "Unknown"

    return Discriminator(tag)


# Content parts -----------------------------------------------------------------------------------


class TopLogprob(Wire):
    token: str
    logprob: float
    bytes: list[Annotated[int, Field(ge=0, le=255)]] | None = None


class Logprob(TopLogprob):
    top_logprobs: list[TopLogprob] = []


class Annotation(Wire):
    type: str
    start_index: int | None = None
    end_index: int | None = None
    url: str | None = None
    title: str | None = None


class TextPart(Wire):
    type: str
    text: str
    annotations: list[Annotation] | None = None
    logprobs: list[Logprob] | None = None


class RefusalPart(Wire):
    type: str
    refusal: str


class ImagePart(Wire):
    type: str
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class FilePart(Wire):
    type: str
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    detail: str | None = None


class AudioData(Wire):
    data: str
    format: str


class AudioPart(Wire):
    type: str
    input_audio: AudioData


CONTENT = {
    "input_text": "TextPart",
    "output_text": "TextPart",
    "text": "TextPart",
    "refusal": "RefusalPart",
    "input_image": "ImagePart",
    "input_file": "FilePart",
    "input_audio": "AudioPart",
}

Content = Annotated[
    Annotated[TextPart, Tag("TextPart")]
    | Annotated[RefusalPart, Tag("RefusalPart")]
    | Annotated[ImagePart, Tag("ImagePart")]
    | Annotated[FilePart, Tag("FilePart")]
    | Annotated[AudioPart, Tag("AudioPart")]
    | Annotated[Unknown, Tag("Unknown")],
    by_type(CONTENT),
]


# Tools -------------------------------------------------------------------------------------------


class FunctionTool(Wire):
    type: str
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(Wire):
    type: str
    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class NamespaceTool(Wire):
    type: str
    name: str
    tools: list[Tool]


Tool = Annotated[
    Annotated[FunctionTool, Tag("FunctionTool")]
    | Annotated[CustomTool, Tag("CustomTool")]
    | Annotated[NamespaceTool, Tag("NamespaceTool")]
    | Annotated[Unknown, Tag("Unknown")],
    by_type({"function": "FunctionTool", "custom": "CustomTool", "namespace": "NamespaceTool"}),
]


# Input items -------------------------------------------------------------------------------------


class Item(Wire):
    id: str | None = None
    status: str | None = None


class Message(Item):
    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Content]


class ReasoningText(Wire):
    type: str
    text: str


class ReasoningItem(Item):
    type: str
    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None


class FunctionCall(Item):
    type: str
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class CustomCall(Item):
    type: str
    call_id: str
    name: str
    input: str
    namespace: str | None = None


class CallOutput(Item):
    type: str
    call_id: str | None = None
    output: str | list[Content]


class AdditionalTools(Wire):
    type: str
    tools: list[Tool]


class SearchOutput(Item):
    """Kept as it is; its tools are read as `FoundTools`."""

    type: str
    tools: list[dict[str, Any]] = []


class FoundTools(Wire):
    tools: list[Tool]


class ItemReference(Wire):
    type: str | None = None
    id: str


class UnknownItem(Item):
    type: str


ITEMS = {
    "message": "Message",
    "reasoning": "ReasoningItem",
    "function_call": "FunctionCall",
    "custom_tool_call": "CustomCall",
    "function_call_output": "CallOutput",
    "custom_tool_call_output": "CallOutput",
    "additional_tools": "AdditionalTools",
    "tool_search_output": "SearchOutput",
    "item_reference": "ItemReference",
}


def item_tag(value: object) -> str:
    """A message may leave its type out, and so may a reference, which is an id and no more."""
    fields = value if isinstance(value, dict) else {}
    kind = fields.get("type")
    if isinstance(kind, str):
        return ITEMS.get(kind, "UnknownItem")
    if "role" in fields:
        return "Message"
    return "ItemReference" if "id" in fields and len(fields) <= 2 else "UnknownItem"


InputItem = Annotated[
    Annotated[Message, Tag("Message")]
    | Annotated[ReasoningItem, Tag("ReasoningItem")]
    | Annotated[FunctionCall, Tag("FunctionCall")]
    | Annotated[CustomCall, Tag("CustomCall")]
    | Annotated[CallOutput, Tag("CallOutput")]
    | Annotated[AdditionalTools, Tag("AdditionalTools")]
    | Annotated[SearchOutput, Tag("SearchOutput")]
    | Annotated[ItemReference, Tag("ItemReference")]
    | Annotated[UnknownItem, Tag("UnknownItem")],
    Discriminator(item_tag),
]


class Items(Wire):
    """What is put into a conversation."""

    items: list[InputItem]


# The request -------------------------------------------------------------------------------------


class ReasoningOptions(Wire):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class TextOptions(Wire):
    format: dict[str, Any] | None = None
    verbosity: str | None = None


class JsonSchemaFormat(Wire):
    type: str
    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class Create(Wire):
    """The body of `POST /v1/responses`; the last group is not OpenAI's but local servers' own."""

    model: str | None = None
    input: str | list[InputItem] | None = None
    instructions: str | None = None
    stream: bool | None = None

    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = Field(default=None, ge=1)

    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    reasoning: ReasoningOptions | None = None
    text: TextOptions | None = None
    include: list[str] | None = None

    metadata: dict[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    truncation: str | None = None
    service_tier: str | None = None

    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None

    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    top_k: int | None = Field(default=None, ge=0, lt=2**31)
    min_p: float | None = Field(default=None, ge=0, le=1)
    stop: str | list[str] | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    chat_template_kwargs: dict[str, Any] | None = None


NamespaceTool.model_rebuild()
