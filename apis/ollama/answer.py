"""What an upstream's answer says, line by line, and a whole answer as events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...core.canon import ir
from ...core.canon.collect import play
from ...core.canon.errors import StackError, UpstreamError
from .. import openai
from .vocabulary import REASONS

Fields = dict[str, Any]


def events(document: object) -> Iterable[ir.Event]:
    """The events of a whole answer, terminal included."""
    try:
        yield from play(_response(checked(document)))
    except StackError as error:
        yield ir.Failed(error)


def _response(document: Fields) -> ir.Response:
    stop = stop_of(document)
    if stop is None:
        raise UpstreamError("the upstream's answer is not done")
    parts = tuple(_parts(document))
    called = any(isinstance(part, ir.ToolCall) for part in parts)
    return ir.Response("", model_of(document), parts, settled(stop, called), usage_of(document))


def _parts(document: Fields) -> Iterator[ir.Part]:
    if thought := word(message_of(document), "thinking"):
        yield ir.Reasoning(thought)
    tokens = logprobs_of(document)
    if (text := text_of(document)) or tokens:
        yield ir.Text(text, logprobs=tokens)
    for i, call in enumerate(calls_of(document)):
        yield call_of(call, i)


def checked(document: object) -> Fields:
    """The fields of a line; raises what an upstream says instead of an answer."""
    if not isinstance(document, dict):
        raise UpstreamError("the upstream sent a line that is no JSON object")
    if document.get("error"):
        raise openai.decode_failure(document)
    return document


def message_of(document: Fields) -> Fields:
    """Where an answer's words are: in a message, or in the answer itself."""
    message = document.get("message")
    if message is None:
        return document
    if not isinstance(message, dict):
        raise UpstreamError("the upstream sent message that is not an object")
    return message


def text_of(document: Fields) -> str:
    name = "content" if document.get("message") is not None else "response"
    return word(message_of(document), name)


def word(fields: Fields, name: str) -> str:
    found = fields.get(name)
    if found is not None and not isinstance(found, str):
        raise UpstreamError(f"the upstream sent {name} that is not a string")
    return found or ""


def model_of(document: Fields) -> str:
    return word(document, "model")


def calls_of(document: Fields) -> list[Fields]:
    found = message_of(document).get("tool_calls") or []
    if not isinstance(found, list) or not all(isinstance(call, dict) for call in found):
        raise UpstreamError("the upstream sent tool_calls that is not a list of objects")
    return found


def call_of(call: Fields, number: int) -> ir.ToolCall:
    function = call.get("function")
    if not isinstance(function, dict) or not word(function, "name"):
        raise UpstreamError("the upstream sent a tool call without a name")
    arguments = function.get("arguments")
    if not isinstance(arguments, dict | None):
        raise UpstreamError("the upstream sent arguments that are not an object")
    written = json.dumps(arguments or {}, ensure_ascii=False)
    return ir.ToolCall(word(call, "id") or f"call_{number}", function["name"], written)


def stop_of(document: Fields) -> ir.Stop | None:
    """Why it is done, or None while it is not."""
    if document.get("done") is not True:
        return None
    raw = word(document, "done_reason") or "stop"
    known = REASONS.get(raw)
    if known is None:
        raise UpstreamError(f"the upstream finished for an unknown reason, {raw!r}")
    return ir.Stop(known, raw=raw)


def settled(stop: ir.Stop, called: bool) -> ir.Stop:
    if called and stop.reason == "end":
        return ir.Stop("tool_call", raw=stop.raw)
    return stop


def usage_of(document: Fields) -> ir.Usage | None:
    if document.get("eval_count") is None and document.get("prompt_eval_count") is None:
        return None
    return ir.Usage(_count(document, "prompt_eval_count"), _count(document, "eval_count"))


def _count(document: Fields, name: str) -> int:
    found = document.get(name) or 0
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise UpstreamError(f"the upstream sent {name} that is not a count")
    return found


def logprobs_of(document: Fields) -> tuple[ir.TokenLogprob, ...]:
    found = document.get("logprobs") or []
    try:
        return tuple(_logprob(token) for token in found)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UpstreamError("the upstream sent logprobs that make no sense") from None


def _logprob(token: Any) -> ir.TokenLogprob:
    data = token.get("bytes")
    return ir.TokenLogprob(
        str(token["token"]),
        float(token["logprob"]),
        None if data is None else bytes(data),
        tuple(_logprob(other) for other in token.get("top_logprobs") or ()),
    )
