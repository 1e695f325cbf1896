"""A client's document as a canonical request.

The normal form, in which documents that mean the same are one: a string and an array of one bare
text part, an absent option and a null one. A message is a turn; a tool's answer is a user's turn
that holds one `ToolResult`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ..validation import validate
from . import schema
from .vocabulary import NAME, extra

_OUTPUTS = {"text": "text", "json_object": "json", "json_schema": "schema"}


def decode(document: object) -> ir.Request:
    """The request; raises `InvalidRequest` that names the field at fault."""
    wire = validate(schema.Request, document)
    _check(wire)
    tools = tuple(_tool(tool, f"tools.{i}") for i, tool in enumerate(wire.tools or ()))
    _check_names(tools)
    return ir.Request(
        wire.model,
        tuple(_turn(message, f"messages.{i}") for i, message in enumerate(wire.messages)),
        tools=tools,
        tool_choice=_tool_choice(wire, tools),
        sampling=_sampling(wire),
        reasoning=_reasoning(wire),
        output=_output(wire),
        stream=bool(wire.stream),
        metadata=wire.metadata,
        user=wire.user,
        template_kwargs=wire.chat_template_kwargs,
        origin=NAME,
        extra=_request_extra(wire),
    )


def _refuse(param: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{param}: {problem}", param=param)


def _check(wire: schema.Request) -> None:
    if not wire.messages:
        _refuse("messages", "at least one message is required")
    for name in ("functions", "function_call"):
        if getattr(wire, name) is not None:
            _refuse(name, "is deprecated and not taken; use tools and tool_choice")
    if wire.max_tokens is not None and wire.max_completion_tokens is not None:
        _refuse("max_tokens", "send either this or max_completion_tokens, not both")
    if wire.top_logprobs is not None and not wire.logprobs:
        _refuse("top_logprobs", "needs logprobs: true")


def _request_extra(wire: schema.Request) -> ir.Extra | None:
    unknown = {k: v for k, v in (wire.model_extra or {}).items() if v is not None}
    if wire.stream_options is not None:
        unknown["stream_options"] = wire.stream_options.model_dump(exclude_unset=True)
    return {NAME: unknown} if unknown else None


# Turns -------------------------------------------------------------------------------------------


def _turn(message: schema.Message, at: str) -> ir.Turn:
    match message.role:
        case "tool":
            return ir.Turn("user", (_tool_result(message, at),), name=message.name, at=at)
        case "function":
            _refuse(f"{at}.role", "'function' is deprecated; use tool_calls and the role 'tool'")
        case role:
            parts = tuple(_parts_of(message, at))
            return ir.Turn(role, parts, name=message.name, extra=extra(message), at=at)


def _parts_of(message: schema.Message, at: str) -> Iterator[ir.Part]:
    for field in ("reasoning_content", "reasoning"):
        text = getattr(message, field)
        if text is not None:
            spelling = extra(None, _field=field) if field == "reasoning" else None
            yield ir.Reasoning(text, extra=spelling, at=f"{at}.{field}")
    yield from _content(message.content, f"{at}.content")
    if message.refusal is not None:
        yield ir.Refusal(message.refusal, at=f"{at}.refusal", extra=extra(None, _field="refusal"))
    for i, call in enumerate(message.tool_calls or ()):
        yield _tool_call(call, f"{at}.tool_calls.{i}")


def _content(content: str | list[schema.Part] | None, at: str) -> Iterator[ir.Part]:
    if isinstance(content, str):
        yield ir.Text(content, at=at)
    for i, part in enumerate(content if isinstance(content, list) else ()):
        yield _part(part, f"{at}.{i}")


def _part(part: schema.Part, at: str) -> ir.Part:
    match part:
        case schema.TextPart():
            return ir.Text(part.text, extra=extra(part), at=at)
        case schema.RefusalPart():
            return ir.Refusal(part.refusal, extra=extra(part), at=at)
        case schema.ImagePart():
            return _image(part, at)
        case schema.AudioPart(input_audio=audio):
            rest = extra(part, input_audio=audio.model_extra or None)
            media_type = f"audio/{audio.format}"
            return ir.Media("audio", media_type, data=audio.data, extra=rest, at=at)
        case schema.FilePart():
            return _file(part, at)
        case schema.OtherPart():
            return ir.Opaque(NAME, part.type, part.model_dump(), at=at)


def _image(part: schema.ImagePart, at: str) -> ir.Media:
    image = part.image_url
    rest = extra(part, image_url=image.model_extra or None)
    media_type, data = data_url(image.url)
    url = image.url if data is None else None
    return ir.Media("image", media_type, data, url=url, detail=image.detail, extra=rest, at=at)


def _file(part: schema.FilePart, at: str) -> ir.Media:
    file = part.file
    if file.file_data is None and file.file_id is None:
        _refuse(f"{at}.file", "give file_data (a data URL) or file_id")
    media_type, data = data_url(file.file_data or "")
    if file.file_data is not None and data is None:
        media_type, data = None, file.file_data  # bare base64, which some clients send
    rest = extra(part, file=file.model_extra or None)
    return ir.Media(
        "document", media_type, data, file_id=file.file_id, name=file.filename, extra=rest, at=at
    )


def data_url(url: str) -> tuple[str | None, str | None]:
    """Media type and base64 of a data URL; two times None for any other URL."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None, None
    return head.removeprefix("data:").removesuffix(";base64") or None, data


def _tool_call(call: schema.ToolCall, at: str) -> ir.ToolCall:
    if call.custom is not None:
        rest = extra(call, custom=call.custom.model_extra or None)
        name, text = call.custom.name, call.custom.input
        return ir.ToolCall(call.id, name, text, "custom", extra=rest, at=at)
    if call.function is None:
        _refuse(f"{at}.function", "field required")
    rest = extra(call, function=call.function.model_extra or None)
    return ir.ToolCall(call.id, call.function.name, call.function.arguments, extra=rest, at=at)


def _tool_result(message: schema.Message, at: str) -> ir.ToolResult:
    if message.tool_call_id is None:
        _refuse(f"{at}.tool_call_id", "field required")
    content = []
    for part in _content(message.content, f"{at}.content"):
        if not isinstance(part, ir.Text | ir.Media | ir.Opaque):
            _refuse(part.at or at, "a refusal cannot stand in a tool's answer; use text")
        content.append(part)
    return ir.ToolResult(message.tool_call_id, tuple(content), extra=extra(message), at=at)


# Tools -------------------------------------------------------------------------------------------


def _tool(wire: schema.Tool, at: str) -> ir.Tool:
    match wire.type:
        case "function":
            return _function(wire, at)
        case "custom":
            return _custom(wire, at)
        case kind:
            fields = wire.model_dump(exclude_unset=True, exclude={"type"})
            name = fields.get("name")
            return ir.Tool(
                name if isinstance(name, str) else kind,
                kind="server",
                type=kind,
                extra={NAME: fields} if fields else None,
                at=at,
            )


def _function(wire: schema.Tool, at: str) -> ir.Tool:
    function = wire.function
    if function is None:
        _refuse(f"{at}.function", "field required")
    return ir.Tool(
        function.name,
        function.description,
        function.parameters,
        strict=function.strict,
        extra=extra(wire, function=function.model_extra or None),
        at=at,
    )


def _custom(wire: schema.Tool, at: str) -> ir.Tool:
    custom = wire.custom
    if custom is None:
        _refuse(f"{at}.custom", "field required")
    return ir.Tool(
        custom.name,
        custom.description,
        kind="custom",
        grammar=_grammar(custom.format, f"{at}.custom.format"),
        extra=extra(wire, custom=custom.model_extra or None),
        at=at,
    )


def _grammar(wire: schema.CustomFormat | None, at: str) -> ir.ToolGrammar | None:
    if wire is None or wire.type == "text":
        return None
    if wire.type != "grammar" or wire.grammar is None:
        _refuse(at, "must be of type 'text', or of type 'grammar' with a grammar")
    return ir.ToolGrammar(wire.grammar.syntax, wire.grammar.definition, at=at)


def _check_names(tools: Sequence[ir.Tool]) -> None:
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            _refuse(f"{tool.at}.{tool.kind}.name", f"another tool is called {tool.name!r} too")
        seen.add(tool.name)


def _tool_choice(wire: schema.Request, tools: Sequence[ir.Tool]) -> ir.ToolChoice:
    choice, parallel = wire.tool_choice, wire.parallel_tool_calls
    if choice is None:
        return ir.ToolChoice(parallel=parallel, at="tool_choice")
    if isinstance(choice, str):
        if choice == "required" and not tools:
            _refuse("tool_choice", "'required' needs tools to choose from")
        return ir.ToolChoice(choice, parallel=parallel, at="tool_choice")
    if choice.allowed_tools is not None:
        allowed = choice.allowed_tools
        names = tuple(_offered(tool, tools) for tool in allowed.tools)
        return ir.ToolChoice(allowed.mode, allowed=names, parallel=parallel, at="tool_choice")
    kind: ir.ToolKind = "custom" if choice.custom is not None else "function"
    name = _offered(choice, tools)
    return ir.ToolChoice("named", name, kind=kind, parallel=parallel, at="tool_choice")


def _offered(choice: schema.AllowedTool | schema.NamedChoice, tools: Sequence[ir.Tool]) -> str:
    named = choice.function or choice.custom
    if named is None:
        _refuse("tool_choice", f"a choice of type {choice.type!r} must name a tool")
    if not any(tool.name == named.name for tool in tools):
        offered = ", ".join(tool.name for tool in tools) or "none"
        _refuse("tool_choice", f"no tool is called {named.name!r}; the request offers {offered}")
    return named.name


# Options -----------------------------------------------------------------------------------------


def _sampling(wire: schema.Request) -> ir.Sampling:
    spelling = None if wire.max_completion_tokens is None else "max_completion_tokens"
    return ir.Sampling(
        max_tokens=wire.max_tokens or wire.max_completion_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        min_p=wire.min_p,
        stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
        seed=wire.seed,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        logit_bias=_logit_bias(wire.logit_bias),
        logprobs=bool(wire.logprobs),
        top_logprobs=wire.top_logprobs,
        n=wire.n or 1,
        extra=extra(None, _limit=spelling),
    )


def _logit_bias(bias: dict[str, float] | None) -> dict[int, float] | None:
    if bias is None:
        return None
    for key in bias:
        if not key.isdecimal():
            _refuse(f"logit_bias.{key}", "keys are token ids, such as '42'")
    return {int(key): value for key, value in bias.items()}


def _reasoning(wire: schema.Request) -> ir.ReasoningConfig:
    given = wire.reasoning
    if given is None:
        effort = wire.reasoning_effort
        return ir.ReasoningConfig(effort=effort) if effort else ir.ReasoningConfig()
    return ir.ReasoningConfig(
        given.enabled,
        given.effort or wire.reasoning_effort,
        given.max_tokens,
        extra=extra(given, _object=True),
        at="reasoning",
    )


def _output(wire: schema.Request) -> ir.OutputFormat:
    wanted = wire.response_format
    if wanted is None:
        return ir.OutputFormat(verbosity=wire.verbosity) if wire.verbosity else ir.OutputFormat()
    if wanted.type == "json_schema" and wanted.json_schema is None:
        _refuse("response_format.json_schema", "field required")
    described = wanted.json_schema
    return ir.OutputFormat(
        _OUTPUTS[wanted.type],  # type: ignore[arg-type]
        described.schema_ if described else None,
        described.name if described else None,
        described.description if described else None,
        described.strict if described else None,
        wire.verbosity,
        extra=extra(wanted, json_schema=(described.model_extra if described else None) or None),
        at="response_format",
    )
