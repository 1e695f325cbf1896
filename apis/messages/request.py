"""A client's document as a canonical request.

The normal form, in which documents that mean the same are one: a string and an array of one bare
text block, an absent and an empty tool result, `is_error: false` and none, an empty signature and
none, a null and an absent option, `tool_choice: auto` and none, `type: custom` and none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest, NotSupported
from .. import languages
from ..validation import validate
from . import schema
from .toolservers import KEPT, SERVERS, meaning, with_servers
from .vocabulary import NAME, arguments_of, citation_of

THREADS = "thread_unsupported_request"

_CHOICES = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}
_REMEMBERED = {SERVERS: KEPT}
_THINKING = {"enabled": True, "disabled": False}


def decode(document: object, operation: str = "create") -> ir.Request:
    """The request; raises `InvalidRequest` that names the field at fault."""
    wire = validate(schema.Request, document)
    _check(wire, operation)
    tools = tuple(_tool(tool, f"tools.{i}") for i, tool in enumerate(wire.tools or ()))
    _check_names(tools)
    more = wire.model_extra or {}
    tools = with_servers(tools, more.get(SERVERS))
    return ir.Request(
        wire.model,
        tuple(_turn(message, f"messages.{i}") for i, message in enumerate(wire.messages)),
        instructions=_instructions(wire),
        tools=tools,
        tool_choice=_tool_choice(wire.tool_choice, tools),
        sampling=_sampling(wire),
        reasoning=_reasoning(wire),
        output=_output(wire.output_config),
        stream=bool(wire.stream),
        metadata=wire.metadata.model_dump(exclude_unset=True) if wire.metadata else None,
        user=wire.metadata.user_id if wire.metadata else None,
        template_kwargs=wire.chat_template_kwargs,
        origin=NAME,
        extra=_request_extra(wire),
    )


def _request_extra(wire: schema.Request) -> ir.Extra | None:
    """The servers of tools are told by the tools; what the client wrote of them is remembered."""
    fields = {_REMEMBERED.get(k, k): v for k, v in (wire.model_extra or {}).items()}
    fields = {name: value for name, value in fields.items() if value is not None}
    return {NAME: fields} if fields else None


def _check(wire: schema.Request, operation: str) -> None:
    if wire.thread is not None:
        # Never ignored: a turn of a thread comes without the history that it needs.
        raise NotSupported(
            "thread: this server keeps no threads; send the whole conversation in messages",
            param="thread",
            code=THREADS,
        )
    if operation == "create" and wire.max_tokens is None:
        raise InvalidRequest("max_tokens: field required", param="max_tokens")
    if not wire.messages:
        raise InvalidRequest("messages: at least one message is required", param="messages")


def _extra(wire: schema.Wire, **more: object) -> ir.Extra | None:
    """The unknown fields, for which null says no more than absence does."""
    if not wire.model_extra and not more:
        return None
    fields = {**(wire.model_extra or {}), **more}
    fields = {name: value for name, value in fields.items() if value is not None}
    return {NAME: fields} if fields else None


# Turns -------------------------------------------------------------------------------------------


def _turn(message: schema.Message, at: str) -> ir.Turn:
    return ir.Turn(
        message.role, _parts(message.content, f"{at}.content"), extra=_extra(message), at=at
    )


def _parts(content: str | list[schema.Block], at: str) -> tuple[ir.Part, ...]:
    if isinstance(content, str):
        return (ir.Text(content, at=at),)
    return tuple(_part(block, f"{at}.{i}") for i, block in enumerate(content))


def _instructions(wire: schema.Request) -> tuple[ir.Text | ir.Opaque, ...]:
    return _only_text(_parts(wire.system, "system")) if wire.system is not None else ()


def _only_text(parts: Sequence[ir.Part]) -> tuple[ir.Text | ir.Opaque, ...]:
    for part in parts:
        if not isinstance(part, ir.Text | ir.Opaque):
            raise InvalidRequest(f"{part.at}: only text may stand in system", param=part.at)
    return tuple(part for part in parts if isinstance(part, ir.Text | ir.Opaque))


def _part(block: schema.Block, at: str) -> ir.Part:
    match block:
        case schema.TextBlock():
            return _text(block, at)
        case schema.ImageBlock():
            return _image(block, at)
        case schema.DocumentBlock():
            return _document(block, at)
        case schema.ThinkingBlock():
            extra, signature = _extra(block), block.signature or None
            return ir.Reasoning(block.thinking, signature=signature, extra=extra, at=at)
        case schema.RedactedThinkingBlock():
            return ir.Reasoning(sealed=block.data, extra=_extra(block), at=at)
        case schema.ToolUseBlock():
            arguments = arguments_of(block.input)
            return ir.ToolCall(block.id, block.name, arguments, extra=_extra(block), at=at)
        case schema.ToolResultBlock():
            return _tool_result(block, at)
        case schema.OtherBlock():
            data = block.model_dump()
            return ir.Opaque(NAME, block.type, data, meaning(data, at), at=at)
        case _:
            assert_never(block)


def _text(block: schema.TextBlock, at: str) -> ir.Text:
    citations = tuple(
        citation_of(citation.model_dump(), f"{at}.citations.{i}")
        for i, citation in enumerate(block.citations or ())
    )
    return ir.Text(block.text, citations, extra=_extra(block), at=at)


def _image(block: schema.ImageBlock, at: str) -> ir.Media:
    return _media("image", block.source, _media_extra(block, block.source), at)


def _document(block: schema.DocumentBlock, at: str) -> ir.Media:
    return _media("document", block.source, _media_extra(block, block.source), at, block.title)


def _media_extra(block: schema.Wire, source: schema.Source) -> ir.Extra | None:
    """The fields of block and source; a source of content stays whole, for its chunks matter."""
    if isinstance(source, schema.ContentSource):
        return _extra(block, source=source.model_dump())
    return _extra(block, source=source.model_extra) if source.model_extra else _extra(block)


def _media(
    kind: ir.MediaKind,
    source: schema.Source,
    extra: ir.Extra | None,
    at: str,
    name: str | None = None,
) -> ir.Media:
    media_type = data = text = url = file_id = None
    match source:
        case schema.Base64Source():
            media_type, data = source.media_type, source.data
        case schema.TextSource():
            media_type, text = source.media_type or "text/plain", source.data
        case schema.UrlSource():
            url = source.url
        case schema.FileSource():
            file_id = source.file_id
        case schema.ContentSource(content=content):
            texts = [content] if isinstance(content, str) else [each.text for each in content]
            text = "\n".join(texts)
        case _:
            assert_never(source)
    return ir.Media(kind, media_type, data, text, url, file_id, name, extra=extra, at=at)


def _tool_result(block: schema.ToolResultBlock, at: str) -> ir.ToolResult:
    content = _parts(block.content, f"{at}.content") if block.content is not None else ()
    return ir.ToolResult(
        block.tool_use_id,
        tuple(_in_result(part) for part in content),
        bool(block.is_error),
        extra=_extra(block),
        at=at,
    )


def _in_result(part: ir.Part) -> ir.Text | ir.Media | ir.Opaque:
    if isinstance(part, ir.Text | ir.Media | ir.Opaque):
        return part
    kind = type(part).__name__
    raise InvalidRequest(
        f"{part.at}: a {kind} cannot stand in a tool_result; use text, images or documents",
        param=part.at,
    )


# Tools -------------------------------------------------------------------------------------------


def _tool(wire: schema.Tool, at: str) -> ir.Tool:
    if wire.type not in (None, "custom"):
        return _server_tool(wire, wire.type, at)
    if not wire.name:
        raise InvalidRequest(f"{at}.name: field required", param=f"{at}.name")
    if wire.input_schema is None:
        raise InvalidRequest(f"{at}.input_schema: field required", param=f"{at}.input_schema")
    return ir.Tool(
        wire.name,
        wire.description,
        wire.input_schema,
        strict=wire.strict,
        extra=_extra(wire),
        at=at,
    )


def _server_tool(wire: schema.Tool, kind: str, at: str) -> ir.Tool:
    """A tool that Anthropic defines. A toolset has no name, and goes by its type."""
    more = {} if wire.input_schema is None else {"input_schema": wire.input_schema}
    return ir.Tool(
        wire.name or kind,
        wire.description,
        kind="server",
        strict=wire.strict,
        type=kind,
        extra=_extra(wire, **more),
        at=at,
    )


def _check_names(tools: Sequence[ir.Tool]) -> None:
    seen: set[str] = set()
    for tool in tools:
        if tool.kind == "server" and tool.name == tool.type:
            continue  # a toolset has no name of its own, and there may be several
        if tool.name in seen:
            raise InvalidRequest(
                f"{tool.at}.name: tool names must be unique, and {tool.name!r} came before",
                param=f"{tool.at}.name",
            )
        seen.add(tool.name)


def _tool_choice(wire: schema.ToolChoice | None, tools: Sequence[ir.Tool]) -> ir.ToolChoice:
    if wire is None:
        return ir.ToolChoice()
    if wire.type == "tool":
        _check_offered(wire.name, tools)
    if wire.type == "any" and not tools:
        raise InvalidRequest("tool_choice: 'any' needs tools to choose from", param="tool_choice")
    parallel = wire.disable_parallel_tool_use
    named = next((tool for tool in tools if tool.name == wire.name), None)
    return ir.ToolChoice(
        _CHOICES[wire.type],  # type: ignore[arg-type]
        wire.name if wire.type == "tool" else None,
        kind=named.kind if named and wire.type == "tool" else "function",
        parallel=None if parallel is None else not parallel,
        extra=_extra(wire),
        at="tool_choice",
    )


def _check_offered(name: str | None, tools: Sequence[ir.Tool]) -> None:
    if name is None:
        raise InvalidRequest("tool_choice.name: field required", param="tool_choice.name")
    # What a toolset holds is not known here.
    if not any(tool.name in (name, tool.type) for tool in tools):
        offered = ", ".join(tool.name for tool in tools) or "none"
        raise InvalidRequest(
            f"tool_choice.name: no tool is called {name!r}; the request offers {offered}",
            param="tool_choice.name",
        )


# Options -----------------------------------------------------------------------------------------


def _sampling(wire: schema.Request) -> ir.Sampling:
    return ir.Sampling(
        max_tokens=wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        stop=tuple(wire.stop_sequences or ()),
        seed=wire.seed,
    )


def _reasoning(wire: schema.Request) -> ir.ReasoningConfig:
    """Adaptive thinking leaves it to the model, and so does every type that is yet to come."""
    effort = wire.output_config.effort if wire.output_config else None
    thinking = wire.thinking
    if thinking is None:
        return ir.ReasoningConfig(effort=effort, at="thinking") if effort else ir.ReasoningConfig()
    enabled = _THINKING.get(thinking.type)
    fields = dict(thinking.model_extra or {})
    if enabled is None:
        fields["type"] = thinking.type
    extra: ir.Extra | None = {NAME: fields} if fields else None
    budget = thinking.budget_tokens
    return ir.ReasoningConfig(enabled, effort, budget, extra=extra, at="thinking")


def _output(wire: schema.OutputConfig | None) -> ir.OutputFormat:
    if wire is None:
        return ir.OutputFormat()
    match wire.format:
        case schema.Format(type="json_schema", schema_=dict(fields)) as known:
            rest = {"format": known.model_extra} if known.model_extra else {}
            extra = _extra(wire, **rest)
            return ir.OutputFormat("schema", fields, extra=extra, at="output_config")
        case schema.Format(type="json_schema"):
            path = "output_config.format.schema"
            raise InvalidRequest(f"{path}: field required", param=path)
        case schema.Format(type="regex" | "grammar") as known:
            fields = known.model_extra or {}
            unknown = {name: fields[name] for name in fields.keys() - languages.FIELDS}
            grammar = languages.decoded({"type": known.type} | fields, "output_config.format")
            extra = _extra(wire, format=unknown or None)
            return ir.OutputFormat("grammar", grammar=grammar, extra=extra, at="output_config")
        case schema.Format() as other:
            extra = _extra(wire, format=other.model_dump(by_alias=True, exclude_unset=True))
        case None:
            extra = _extra(wire)
    return ir.OutputFormat(extra=extra, at="output_config") if extra else ir.OutputFormat()
