"""A canonical request as the body that asks an upstream, and what that body cannot say.

A request that came in by this protocol is written back as it was. One that came in by another is
fitted to what Chat servers accept: instructions as a system message, the answers of tools as
messages of their own in front of what the user says beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ...core.contract.api import Document
from ...core.contract.losses import Ledger, foreign
from .. import languages
from . import details
from .outbound_tools import tools
from .vocabulary import NAME, call_name, given, own, remembered

_FORMATS = {"json": "json_object", "schema": "json_schema"}


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
    body: Document = {"model": model, "messages": list(_messages(request, losses))}
    body |= tools(request, losses)
    body |= _sampling(request.sampling)
    body |= _reasoning(request.reasoning, losses)
    body |= _output(request.output, losses)
    body |= given(
        stream=request.stream or None,
        metadata=request.metadata,
        user=request.user,
        chat_template_kwargs=request.template_kwargs,
    )
    body |= given(modalities=remembered(request, "_modalities"))
    return body | own(request), losses


# Messages ----------------------------------------------------------------------------------------


def _messages(request: ir.Request, losses: Ledger) -> Iterator[Document]:
    if request.instructions:
        yield {"role": "system", "content": _content(request.instructions, losses)}
    for turn in request.turns:
        if turn.role == "assistant":
            yield _assistant(turn, losses)
        else:
            yield from _spoken(turn, losses)


def _spoken(turn: ir.Turn, losses: Ledger) -> Iterator[Document]:
    results = [part for part in turn.parts if isinstance(part, ir.ToolResult)]
    rest = [part for part in turn.parts if not isinstance(part, ir.ToolResult)]
    for result in results:
        yield _tool_answer(result, losses) | given(name=turn.name)
    if rest or not results:
        yield _named(turn, {"role": turn.role, "content": _content(rest, losses)})


def _named(turn: ir.Turn, message: Document) -> Document:
    return message | given(name=turn.name) | own(turn)


def _tool_answer(result: ir.ToolResult, losses: Ledger) -> Document:
    if result.is_error:
        losses.dropped(f"{result.at}.is_error", "this protocol has no mark for a failed call")
    content = _content(result.content, losses)
    if remembered(result, "_legacy"):
        return {"role": "function", "content": content} | own(result)
    return {"role": "tool", "tool_call_id": result.call_id, "content": content} | own(result)


def _assistant(turn: ir.Turn, losses: Ledger) -> Document:
    message: Document = {"role": "assistant", "content": None}
    spoken: list[ir.Part] = []
    calls: list[Document] = []
    for part in turn.parts:
        match part:
            case ir.Reasoning():
                _reason(part, message, losses)
            case ir.ToolCall() if remembered(part, "_legacy"):
                message["function_call"] = _function_call(part)
            case ir.ToolCall():
                calls.append(_call(part, losses))
            case ir.Opaque() if remembered(part, "_field") == "tool_calls":
                calls.append(dict(part.data))
            case ir.Refusal() if remembered(part, "_field") == "refusal":
                message["refusal"] = part.text
            case _:
                spoken.append(part)
    if spoken:
        message["content"] = _content(spoken, losses)
    if calls:
        message["tool_calls"] = calls
    return _named(turn, message)


def _reason(part: ir.Reasoning, message: Document, losses: Ledger) -> None:
    field = remembered(part, "_field") or "reasoning_content"
    text = part.text or "\n\n".join(part.summary)
    if field == "reasoning_details":
        message[field] = [*message.get(field, ()), *details.written(part)]
        return
    message[field] = message.get(field, "") + text
    if remembered(part, "_both"):
        message["reasoning"] = text
    if part.text and part.summary:
        losses.dropped(f"{part.at}.summary", "this protocol has one text for a thought")
    if part.signature is not None:
        losses.dropped(f"{part.at}.signature", "this protocol has no field for it")
    if part.sealed is not None:
        losses.dropped(f"{part.at}.sealed", "this protocol has no field for it")


def _function_call(part: ir.ToolCall) -> Document:
    rest: Document = own(part).get("function_call", {})
    return {"name": part.name, "arguments": part.arguments} | rest


def _call(part: ir.ToolCall, losses: Ledger) -> Document:
    rest = own(part)
    name = call_name(part.name, part.namespace)
    if part.namespace is not None:
        losses.approximated(f"{part.at}.namespace", "joined to the name, for lack of namespaces")
    if part.kind == "custom":
        body = {"name": name, "input": part.arguments} | rest.pop("custom", {})
        return {"id": part.id, "type": "custom", "custom": body} | rest
    body = {"name": name, "arguments": part.arguments} | rest.pop("function", {})
    return {"id": part.id, "type": "function", "function": body} | rest


def _content(parts: Sequence[ir.Part], losses: Ledger) -> str | list[Document]:
    written = [wire for part in parts if (wire := _part(part, losses)) is not None]
    match written:
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return text
        case []:
            return ""
        case _:
            return written


def _part(part: ir.Part, losses: Ledger) -> Document | None:
    match part:
        case ir.Text():
            if part.citations:
                losses.dropped(f"{part.at}.citations", "a request here has no field for them")
            return {"type": "text", "text": part.text} | own(part)
        case ir.Refusal():
            return {"type": "refusal", "refusal": part.text} | own(part)
        case ir.Media():
            return _media(part, losses)
        case ir.Opaque(protocol="chat"):
            return dict(part.data)
        case ir.Opaque():
            losses.dropped(
                part.at or part.type, f"{part.type} is an object of {part.protocol} only"
            )
            return None
        case _:
            raise AssertionError("these are written by the message itself")


def _media(part: ir.Media, losses: Ledger) -> Document | None:
    rest = own(part)
    url = part.url
    if part.data is not None:
        url = f"data:{part.media_type or ''};base64,{part.data}"
    if part.kind == "image" and url is not None:
        image = {"url": url} | given(detail=part.detail) | rest.pop("image_url", {})
        return {"type": "image_url", "image_url": image} | rest
    if part.kind == "audio" and part.data is not None:
        sound = (part.media_type or "audio/wav").removeprefix("audio/")
        audio = {"data": part.data, "format": sound} | rest.pop("input_audio", {})
        return {"type": "input_audio", "input_audio": audio} | rest
    if part.kind == "document" and part.text is not None:
        losses.approximated(part.at or "document", "a document of text is sent as text")
        return {"type": "text", "text": part.text}
    if part.kind == "document" and (part.data is not None or part.file_id is not None):
        data = part.data if part.media_type is None else url
        file = given(file_data=data, file_id=part.file_id, filename=part.name)
        return {"type": "file", "file": file | rest.pop("file", {})} | rest
    losses.dropped(part.at or part.kind, f"this protocol takes no such {part.kind}")
    return None


# Options -----------------------------------------------------------------------------------------


def _sampling(sampling: ir.Sampling) -> Document:
    limit = remembered(sampling, "_limit") or "max_tokens"
    bias = sampling.logit_bias
    return given(
        **{limit: sampling.max_tokens},
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        stop=list(sampling.stop) or None,
        seed=sampling.seed,
        presence_penalty=sampling.presence_penalty,
        frequency_penalty=sampling.frequency_penalty,
        logit_bias=None if bias is None else {str(key): value for key, value in bias.items()},
        logprobs=sampling.logprobs or None,
        top_logprobs=sampling.top_logprobs,
        n=sampling.n if sampling.n > 1 else None,
    )


def _reasoning(config: ir.ReasoningConfig, losses: Ledger) -> Document:
    if remembered(config, "_object"):
        beside = remembered(config, "_effort")
        inside = None if beside == "beside" else config.effort
        asked = given(enabled=config.enabled, effort=inside, max_tokens=config.budget)
        outside = given(reasoning_effort=config.effort if beside else None)
        return {"reasoning": asked | own(config)} | outside
    at = config.at or "reasoning"
    if config.budget is not None:
        losses.dropped(f"{at}.budget_tokens", "this protocol has no budget for reasoning")
    if config.summary is not None:
        losses.dropped(f"{at}.summary", "this protocol has no summaries")
    effort = "none" if config.enabled is False and config.effort is None else config.effort
    return given(reasoning_effort=effort)


def _output(output: ir.OutputFormat, losses: Ledger) -> Document:
    body = given(verbosity=output.verbosity)
    rest = own(output)
    if written := remembered(output, "_written"):
        return {**body, **written}
    if output.grammar is not None and output.at != "response_format":
        losses.dropped(output.at or "response_format", "this protocol has no grammars for text")
    elif output.grammar is not None:
        body["response_format"] = languages.encoded(output.grammar) | rest
    elif output.kind == "schema":
        described = {"name": output.name or "answer"} | given(
            description=output.description, schema=output.schema, strict=output.strict
        )
        described |= rest.pop("json_schema", {})
        body["response_format"] = {"type": "json_schema", "json_schema": described} | rest
    elif output.kind == "json":
        body["response_format"] = {"type": "json_object"} | rest
    elif output.at == "response_format":
        body["response_format"] = {"type": "text"} | rest
    return body
