"""A canonical request as the body that asks an upstream, and what that body cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ...core.contract.api import Document
from ...core.contract.losses import Ledger, foreign
from . import arguments
from .vocabulary import NAME, OPTIONS, given, own, remembered

COMMON_EFFORTS = ("low", "medium", "high")  # those that every version knows


def encode(request: ir.Request, model: str) -> tuple[Document, Ledger]:
    losses = Ledger()
    if request.previous_id is not None:
        raise NotSupported(
            "previous_response_id: the upstream keeps no state; send the whole conversation",
            param="previous_response_id",
        )
    if request.origin != NAME:
        for field in foreign(request, NAME):
            losses.dropped(field.path, f"a field of {field.owner}")
    body: Document = {"model": model}
    if remembered(request, "_generate"):
        body |= _prompt(request)
    else:
        body |= {"messages": list(_messages(request, losses))} | _tools(request, losses)
    body |= _options(request.sampling, losses)
    body |= _think(request.reasoning, losses)
    body |= _format(request.output, losses)
    for name in ("metadata", "user", "template_kwargs"):
        if getattr(request, name) is not None:
            losses.dropped(name, "this protocol has no field for it")
    return body | {"stream": request.stream} | own(request), losses


def _prompt(request: ir.Request) -> Document:
    (turn,) = request.turns
    found = [part.data for part in turn.parts if isinstance(part, ir.Media)]
    return {"prompt": ir.text_of(turn.parts)} | given(
        system=ir.text_of(request.instructions) or None, images=found or None
    )


# Messages ----------------------------------------------------------------------------------------


def _messages(request: ir.Request, losses: Ledger) -> Iterator[Document]:
    names: dict[str, str] = {}  # of the calls, by their identifiers
    if request.instructions:
        yield {"role": "system", "content": _text(request.instructions, losses)}
    for turn in request.turns:
        names |= {part.id: part.name for part in turn.parts if isinstance(part, ir.ToolCall)}
        results = [part for part in turn.parts if isinstance(part, ir.ToolResult)]
        rest = tuple(part for part in turn.parts if not isinstance(part, ir.ToolResult))
        for result in results:
            yield _result(result, names, losses)
        if rest or not results:
            yield _message(turn, rest, losses)


def _message(turn: ir.Turn, parts: tuple[ir.Part, ...], losses: Ledger) -> Document:
    if turn.name is not None:
        losses.dropped(f"{turn.at}.name", "this protocol has no names of speakers")
    role = "system" if turn.role == "developer" else turn.role
    thoughts = [_thought(part, losses) for part in parts if isinstance(part, ir.Reasoning)]
    calls = [_call(part, losses) for part in parts if isinstance(part, ir.ToolCall)]
    spoken = tuple(p for p in parts if not isinstance(p, ir.Reasoning | ir.ToolCall | ir.Media))
    message: Document = {"role": role}
    if spoken or not (thoughts or calls):
        message["content"] = _text(spoken, losses)
    message |= given(
        thinking="".join(thoughts) if thoughts else None,
        images=_images(parts, losses) or None,
        tool_calls=calls or None,
    )
    return message | own(turn)


def _text(parts: tuple[ir.Part, ...], losses: Ledger) -> str:
    for part in parts:
        if isinstance(part, ir.Opaque):
            at = part.at or part.type
            losses.dropped(at, f"{part.type} is an object of {part.protocol} only")
        elif isinstance(part, ir.Text) and part.citations:
            losses.dropped(f"{part.at}.citations", "this protocol has no field for them")
    return ir.text_of(parts)


def _images(parts: tuple[ir.Part, ...], losses: Ledger) -> list[str]:
    found = []
    for part in parts:
        if not isinstance(part, ir.Media):
            continue
        if part.kind == "image" and part.data is not None:
            found.append(part.data)
        else:
            losses.dropped(part.at or part.kind, "this protocol takes images only, as base64")
    return found


def _thought(part: ir.Reasoning, losses: Ledger) -> str:
    if part.text and part.summary:
        losses.dropped(f"{part.at}.summary", "this protocol has one text for a thought")
    for field in ("signature", "sealed"):
        if getattr(part, field) is not None:
            losses.dropped(f"{part.at}.{field}", "this protocol has no field for it")
    return part.text or "\n\n".join(part.summary)


def _call(part: ir.ToolCall, losses: Ledger) -> Document:
    rest = own(part)
    name = part.name if part.namespace is None else f"{part.namespace}__{part.name}"
    if part.namespace is not None:
        losses.approximated(f"{part.at}.namespace", "joined to the name, for lack of namespaces")
    written = arguments.told(part, part.arguments, f"{part.at}.arguments", losses)
    function = {"name": name, "arguments": written} | rest.pop("function", {})
    id = {} if remembered(part, "_no_id") else {"id": part.id}
    return id | {"function": function} | rest


def _result(result: ir.ToolResult, names: Mapping[str, str], losses: Ledger) -> Document:
    if result.is_error:
        losses.dropped(f"{result.at}.is_error", "this protocol has no mark for a failed call")
    texts = tuple(part for part in result.content if not isinstance(part, ir.Media))
    short = remembered(result, "_no_id")
    name = remembered(result, "_tool_name") if short else names.get(result.call_id)
    return (
        {"role": "tool", "content": _text(texts, losses)}
        | given(
            tool_name=name,
            tool_call_id=None if short else result.call_id,
            images=_images(result.content, losses) or None,
        )
        | own(result)
    )


# Options -----------------------------------------------------------------------------------------


def _tools(request: ir.Request, losses: Ledger) -> Document:
    choice = request.tool_choice
    if choice.mode == "none":
        return {}  # what is not offered is not called
    if choice.mode != "auto" or choice.allowed is not None:
        losses.dropped(choice.at or "tool_choice", "this protocol cannot demand a call")
    if choice.parallel is not None:
        losses.dropped("parallel_tool_calls", "this protocol cannot say it")
    written = [tool for each in request.tools if (tool := _tool(each, losses)) is not None]
    return {"tools": written} if written else {}


def _tool(tool: ir.Tool, losses: Ledger) -> Document | None:
    at = tool.at or f"tools.{tool.name}"
    if tool.kind == "server":
        losses.dropped(at, f"the upstream has no tool of type {tool.type}")
        return None
    schema = tool.schema
    if tool.kind == "custom":
        losses.approximated(at, "a custom tool is offered as a function of one text")
        schema = {"type": "object", "properties": {"input": {"type": "string"}}}
    if tool.strict is not None:
        losses.dropped(f"{at}.strict", "this protocol has no field for it")
    rest = own(tool)
    name = tool.name if tool.namespace is None else f"{tool.namespace}__{tool.name}"
    function = {"name": name} | given(description=tool.description, parameters=schema)
    return {"type": "function", "function": function | rest.pop("function", {})} | rest


def _options(sampling: ir.Sampling, losses: Ledger) -> Document:
    said = {name: getattr(sampling, field) for name, field in OPTIONS.items()}
    options = given(**said, stop=list(sampling.stop) or None)
    options |= (remembered(sampling, "_load") or {}) | own(sampling)
    if sampling.logit_bias is not None:
        losses.dropped("logit_bias", "this protocol has no field for it")
    return given(
        options=options or None,
        logprobs=sampling.logprobs or None,
        top_logprobs=sampling.top_logprobs,
    )


def _think(config: ir.ReasoningConfig, losses: Ledger) -> Document:
    at = config.at or "reasoning"
    if config.budget is not None:
        losses.dropped(f"{at}.budget_tokens", "this protocol has no budget for reasoning")
    if config.summary is not None:
        losses.dropped(f"{at}.summary", "this protocol has no summaries")
    if config.enabled is False or config.effort == "none":
        return {"think": False}
    if config.effort is None:
        return given(think=config.enabled)
    if config.effort in COMMON_EFFORTS or config.at == "think":
        return {"think": config.effort}
    near = "low" if config.effort == "minimal" else "high"
    losses.approximated(f"{at}.effort", f"told as {near!r}")
    return {"think": near}


def _format(output: ir.OutputFormat, losses: Ledger) -> Document:
    if output.verbosity is not None:
        losses.dropped("verbosity", "this protocol has no field for it")
    match output.kind:
        case "json":
            return {"format": "json"}
        case "schema":
            return {"format": dict(output.schema or {"type": "object"})}
        case "grammar":
            losses.dropped(output.at or "format", "this protocol has no grammars")
            return {}
        case "text":
            return {}
