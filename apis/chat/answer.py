"""What an upstream's answer says, field by field, and a whole answer as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ...core.canon import ir
from ...core.canon.collect import play
from ...core.canon.errors import StackError, UpstreamError
from .. import openai
from .details import Details, shown
from .shapes import Fields, count, fields, number, objects, octets, text, word
from .vocabulary import NAME, REASONS

REASONING = ("reasoning_content", "reasoning")  # two spellings; some servers send both


def events(document: object) -> Iterable[ir.Event]:
    """The events of a whole answer, terminal included."""
    try:
        yield from play(_response(document))
    except StackError as error:
        yield ir.Failed(error)


def _response(document: object) -> ir.Response:
    if not isinstance(document, dict):
        raise UpstreamError("the upstream's answer is no JSON object")
    raise_fault(document)
    choices = objects(document.get("choices"), "choices")
    if not choices:
        raise UpstreamError("the upstream's answer has no choices")
    choice = choices[0]
    answer_id = text(document.get("id"), "id")
    parts = tuple(_parts(choice, answer_id))
    called = any(isinstance(part, ir.ToolCall) for part in parts)
    return ir.Response(
        answer_id,
        text(document.get("model"), "model"),
        parts,
        settled(stop_of(choice), called),
        usage_of(document),
    )


def _parts(choice: Fields, answer_id: str) -> Iterator[ir.Part]:
    message = fields(choice.get("message"), "message")
    pieces = objects(message.get("reasoning_details"), "reasoning_details")
    details = Details()
    details.feed(pieces)
    thought, sealed = reasoning_of(message) or shown(pieces), details.take()
    if thought or sealed is not None:
        yield ir.Reasoning(thought, sealed=sealed)
    content = text(message.get("content"), "content")
    citations = tuple(
        citation_of(each) for each in objects(message.get("annotations"), "annotations")
    )
    tokens = logprobs_of(choice)
    if content or citations or tokens:
        yield ir.Text(content, citations, tokens)
    if refusal := text(message.get("refusal"), "refusal"):
        yield ir.Refusal(refusal)
    for call in calls_of(message, answer_id):
        kind, body = body_of(call)
        name, call_id = text(body.get("name"), "name"), text(call.get("id"), "id")
        if not (name and call_id):
            raise UpstreamError("the upstream sent a tool call without id or name")
        yield ir.ToolCall(call_id, name, input_of(kind, body), kind)


def raise_fault(document: Fields) -> None:
    """An upstream that fails within a 200 says so in one of two dialects."""
    if document.get("error") or document.get("object") == "error":
        raise openai.decode_failure(document)


def reasoning_of(message: Fields) -> str:
    return next((found for name in REASONING if (found := text(message.get(name), name))), "")


def calls_of(message: Fields, answer_id: str) -> Iterator[Fields]:
    """The tool calls, or pieces of them; a deprecated `function_call` is one without an id."""
    yield from objects(message.get("tool_calls"), "tool_calls")
    if called := fields(message.get("function_call"), "function_call"):
        yield {"index": 0, "id": f"call_{answer_id}", "function": called}


def body_of(call: Fields) -> tuple[ir.ToolKind, Fields]:
    if call.get("custom") is not None or call.get("type") == "custom":
        return "custom", fields(call.get("custom"), "custom")
    return "function", fields(call.get("function"), "function")


def input_of(kind: ir.ToolKind, body: Fields) -> str:
    name = "input" if kind == "custom" else "arguments"
    return text(body.get(name), name)


def stop_of(choice: Fields) -> ir.Stop:
    reason = choice.get("finish_reason")
    if reason is None:
        raise UpstreamError("the upstream's answer has no finish reason")
    if reason == "error":
        raise openai.decode_failure(choice)
    known = REASONS.get(reason) if isinstance(reason, str) else None
    if known is None:
        raise UpstreamError(f"the upstream finished for an unknown reason, {reason!r}")
    sequence = choice.get("stop_reason")
    if known == "end" and isinstance(sequence, str):
        return ir.Stop("stop_sequence", sequence, raw=reason)
    return ir.Stop(known, raw=reason)


def settled(stop: ir.Stop, called: bool) -> ir.Stop:
    """Some servers call an answer with calls finished, and not waiting for the results."""
    return replace(stop, reason="tool_call") if called and stop.reason == "end" else stop


def usage_of(document: Fields) -> ir.Usage | None:
    if document.get("usage") is None:
        return None
    usage = fields(document["usage"], "usage")
    prompt = fields(usage.get("prompt_tokens_details"), "prompt_tokens_details")
    completion = fields(usage.get("completion_tokens_details"), "completion_tokens_details")
    return ir.Usage(
        count(usage.get("prompt_tokens"), "prompt_tokens") or 0,
        count(usage.get("completion_tokens"), "completion_tokens") or 0,
        cache_read=_cached(prompt, usage),
        cache_write=count(prompt.get("cache_write_tokens"), "cache_write_tokens"),
        reasoning=count(completion.get("reasoning_tokens"), "reasoning_tokens"),
    )


def _cached(details: Fields, usage: Fields) -> int | None:
    """Tokens read from a cache, where OpenAI counts them or where DeepSeek and Moonshot do."""
    found = (
        count(details.get("cached_tokens"), "cached_tokens"),
        count(usage.get("prompt_cache_hit_tokens"), "prompt_cache_hit_tokens"),
        count(usage.get("cached_tokens"), "cached_tokens"),
    )
    return next((tokens for tokens in found if tokens is not None), None)


def logprobs_of(choice: Fields) -> tuple[ir.TokenLogprob, ...]:
    shown = fields(choice.get("logprobs"), "logprobs")
    return tuple(_logprob(token) for token in objects(shown.get("content"), "logprobs"))


def _logprob(token: Fields) -> ir.TokenLogprob:
    return ir.TokenLogprob(
        text(token.get("token"), "token"),
        number(token.get("logprob"), "logprob"),
        octets(token.get("bytes"), "bytes"),
        tuple(_logprob(other) for other in objects(token.get("top_logprobs"), "top_logprobs")),
    )


def citation_of(annotation: Fields) -> ir.Citation:
    kind = text(annotation.get("type"), "an annotation's type")
    body: dict[str, Any] = dict(fields(annotation.get(kind), kind))
    return ir.Citation(
        kind,
        count(body.pop("start_index", None), "start_index"),
        count(body.pop("end_index", None), "end_index"),
        word(body.pop("url", None), "url"),
        word(body.pop("title", None), "title"),
        extra={NAME: body} if body else None,
    )
