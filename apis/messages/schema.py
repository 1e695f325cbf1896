"""The request as it stands on the wire: tolerant of what is new, strict about what is known.

Unknown fields are kept (`model_extra`), unknown types of blocks, sources, tools and thinking are
taken as they are, and a known field of the wrong JSON type is an error: nothing is coerced.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Fields = dict[str, Any]


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class Typed(Wire):
    type: str


# Content -----------------------------------------------------------------------------------------


class Citation(Typed):
    pass


class TextBlock(Typed):
    text: str
    citations: list[Citation] | None = None


class Base64Source(Typed):
    media_type: str
    data: str


class TextSource(Typed):
    data: str
    media_type: str | None = None


class UrlSource(Typed):
    url: str


class FileSource(Typed):
    file_id: str


class ContentSource(Typed):
    content: Annotated[
        Annotated[str, Tag("a string")] | Annotated[list[TextBlock], Tag("a list")],
        Discriminator(lambda value: "a string" if isinstance(value, str) else "a list"),
    ]


def _tag_of_source(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"a source of {kind}" if isinstance(kind, str) else None


Source = Annotated[
    Annotated[Base64Source, Tag("a source of base64")]
    | Annotated[TextSource, Tag("a source of text")]
    | Annotated[UrlSource, Tag("a source of url")]
    | Annotated[FileSource, Tag("a source of file")]
    | Annotated[ContentSource, Tag("a source of content")],
    Discriminator(
        _tag_of_source,
        custom_error_type="source",
        custom_error_message="a source must be an object with a 'type'",
    ),
]
SOURCES = {
    "image": {"base64", "url", "file"},
    "document": {"base64", "text", "url", "file", "content"},
}


class ImageBlock(Typed):
    source: Source


class DocumentBlock(Typed):
    source: Source
    title: str | None = None


class ThinkingBlock(Typed):
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(Typed):
    data: str


class ToolUseBlock(Typed):
    id: str
    name: str
    input: Fields


class ToolResultBlock(Typed):
    tool_use_id: str
    content: Content | None = None
    is_error: bool | None = None


class OtherBlock(Typed):
    """A block of a type that the canonical model does not know; it is kept whole."""


_BLOCKS = "text image document thinking redacted_thinking tool_use tool_result".split()


def _tag_of_block(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return None
    if kind not in _BLOCKS or (kind in SOURCES and not _is_known_source(kind, value)):
        return "another block"
    return f"a {kind} block"


def _is_known_source(kind: str, block: Fields) -> bool:
    source = block.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("type"), str):
        return True  # and the schema says what is wrong with it
    content = source.get("content")
    if source["type"] == "content" and isinstance(content, list):
        return all(isinstance(part, dict) and part.get("type") == "text" for part in content)
    return source["type"] in SOURCES[kind]


Block = Annotated[
    Annotated[TextBlock, Tag("a text block")]
    | Annotated[ImageBlock, Tag("a image block")]
    | Annotated[DocumentBlock, Tag("a document block")]
    | Annotated[ThinkingBlock, Tag("a thinking block")]
    | Annotated[RedactedThinkingBlock, Tag("a redacted_thinking block")]
    | Annotated[ToolUseBlock, Tag("a tool_use block")]
    | Annotated[ToolResultBlock, Tag("a tool_result block")]
    | Annotated[OtherBlock, Tag("another block")],
    Discriminator(
        _tag_of_block,
        custom_error_type="block",
        custom_error_message="a content block must be an object with a 'type'",
    ),
]


def _tag_of_content(value: Any) -> str | None:
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else None


Content = Annotated[
    Annotated[str, Tag("a string")] | Annotated[list[Block], Tag("a list")],
    Discriminator(
        _tag_of_content,
        custom_error_type="content",
        custom_error_message="must be a string or an array of content blocks",
    ),
]


class Message(Wire):
    role: Literal["user", "assistant", "system"]
    content: Content


# Options -----------------------------------------------------------------------------------------


class Tool(Wire):
    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: Fields | None = None
    strict: bool | None = None


class ToolChoice(Wire):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Typed):
    budget_tokens: int | None = Field(None, ge=1)


class Format(Typed):
    schema_: Fields | None = Field(None, alias="schema")


class OutputConfig(Wire):
    effort: str | None = None
    format: Format | None = None


class Metadata(Wire):
    user_id: str | None = None


class Request(Wire):
    """`max_tokens` is required of `create` alone, so the decoder asks for it."""

    model: str | None = None
    messages: list[Message]
    system: Content | None = None
    max_tokens: int | None = Field(None, ge=0)
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    top_k: int | None = Field(None, ge=0)
    stop_sequences: list[Annotated[str, Field(min_length=1)]] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None
    thread: Any = None
    # Extensions: vLLM's, and one that every other protocol has.
    chat_template_kwargs: Fields | None = None
    seed: int | None = None
