"""The request as it stands on the wire: tolerant of what is new, strict about what is known.

Unknown fields are kept (`model_extra`), unknown types of parts and tools are taken as they are, and
a known field of the wrong JSON type is an error: nothing is coerced.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Fields = dict[str, Any]


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class Typed(Wire):
    type: str


# Messages ----------------------------------------------------------------------------------------


class TextPart(Typed):
    text: str


class RefusalPart(Typed):
    refusal: str


class ImageUrl(Wire):
    url: str
    detail: str | None = None


class ImagePart(Typed):
    image_url: ImageUrl


class Audio(Wire):
    data: str
    format: str


class AudioPart(Typed):
    input_audio: Audio


class File(Wire):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Typed):
    file: File


class OtherPart(Typed):
    """A part of a type that the canonical model does not know; it is kept whole."""


_PARTS = ("text", "refusal", "image_url", "input_audio", "file")


def _tag_of_part(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return None
    return f"a {kind} part" if kind in _PARTS else "another part"


Part = Annotated[
    Annotated[TextPart, Tag("a text part")]
    | Annotated[RefusalPart, Tag("a refusal part")]
    | Annotated[ImagePart, Tag("a image_url part")]
    | Annotated[AudioPart, Tag("a input_audio part")]
    | Annotated[FilePart, Tag("a file part")]
    | Annotated[OtherPart, Tag("another part")],
    Discriminator(
        _tag_of_part,
        custom_error_type="part",
        custom_error_message="a content part must be an object with a 'type'",
    ),
]
Content = Annotated[
    Annotated[str, Tag("a string")] | Annotated[list[Part], Tag("a list")],
    Discriminator(lambda value: "a list" if isinstance(value, list) else "a string"),
]


class CalledFunction(Wire):
    name: str
    arguments: str


class CalledCustom(Wire):
    name: str
    input: str


class ToolCall(Wire):
    id: str
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledCustom | None = None


class OtherCall(Typed):
    """A call of a type that the canonical model does not know; it is kept whole."""


def _tag_of_call(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return (
        "another call" if isinstance(kind, str) and kind not in ("function", "custom") else "call"
    )


AnyCall = Annotated[
    Annotated[ToolCall, Tag("call")] | Annotated[OtherCall, Tag("another call")],
    Discriminator(_tag_of_call),
]


class Message(Wire):
    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[AnyCall] | None = None
    function_call: CalledFunction | None = None
    tool_call_id: str | None = None


# Tools -------------------------------------------------------------------------------------------


class Function(Wire):
    name: str
    description: str | None = None
    parameters: Fields | None = None
    strict: bool | None = None


class Grammar(Wire):
    syntax: str
    definition: str


class CustomFormat(Typed):
    grammar: Grammar | None = None


class Custom(Wire):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class Tool(Typed):
    function: Function | None = None
    custom: Custom | None = None


class Name(Wire):
    name: str


class AllowedTool(Typed):
    function: Name | None = None
    custom: Name | None = None


class AllowedTools(Wire):
    mode: Literal["auto", "required"]
    tools: list[AllowedTool]


class NamedChoice(Typed):
    type: Literal["function", "custom", "allowed_tools"]
    function: Name | None = None
    custom: Name | None = None
    allowed_tools: AllowedTools | None = None


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("a word")]
    | Annotated[NamedChoice, Tag("an object")],
    Discriminator(lambda value: "an object" if isinstance(value, dict) else "a word"),
]
FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("a word")] | Annotated[Name, Tag("an object")],
    Discriminator(lambda value: "an object" if isinstance(value, dict) else "a word"),
]


# Options -----------------------------------------------------------------------------------------


Choices = Annotated[list[str], Field(min_length=1)]
JsonText = Annotated[
    Annotated[str, Tag("a text")] | Annotated[Fields, Tag("an object")],
    Discriminator(lambda value: "an object" if isinstance(value, dict) else "a text"),
]


class JsonSchema(Wire):
    name: str
    description: str | None = None
    schema_: Fields | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Typed):
    type: Literal["text", "json_object", "json_schema", "regex", "grammar"]
    json_schema: JsonSchema | None = None
    regex: str | None = None
    syntax: str | None = None
    definition: str | None = None


class StructuredOutputs(Wire):
    """vLLM's; older versions of it have fields of the request, named `guided_…`."""

    json_: JsonText | None = Field(None, alias="json")
    regex: str | None = None
    choice: Choices | None = None
    grammar: str | None = None
    json_object: bool | None = None


class Reasoning(Wire):
    effort: str | None = None
    max_tokens: int | None = Field(None, ge=0)
    enabled: bool | None = None


class StreamOptions(Wire):
    include_usage: bool | None = None


Stop = Annotated[
    Annotated[str, Tag("a string")] | Annotated[list[str], Tag("a list")],
    Discriminator(lambda value: "a list" if isinstance(value, list) else "a string"),
]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Bias = Annotated[float, Field(ge=-100, le=100)]


class Request(Wire):
    model: str | None = None
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    stop: Stop | None = None
    seed: int | None = None
    n: int | None = Field(None, ge=1, le=8)
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_json: JsonText | None = None
    guided_regex: str | None = None
    guided_choice: Choices | None = None
    guided_grammar: str | None = None
    grammar: str | None = None
    json_schema: Fields | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    metadata: Fields | None = None
    user: str | None = None
    chat_template_kwargs: Fields | None = None
    modalities: list[str] | None = None
    functions: list[Function] | None = None
    function_call: FunctionChoice | None = None
