"""The pieces that a streamed and a whole answer have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.canon import ir
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger, foreign
from . import arguments
from .vocabulary import FINISH, NAME, UNSAID, given, remembered, written


def head(context: Context) -> Document:
    return {"model": context.model, "created_at": written(context.created)}


def generated(request: ir.Request) -> bool:
    """Whether the client asked `/api/generate`, and so waits for one text."""
    return bool(remembered(request, "_generate"))


def said(generate: bool, text: str, **beside: object) -> Document:
    """A piece of an answer; of what stands beside the text only thoughts are told to both."""
    if generate:
        return {"response": text} | given(thinking=beside.get("thinking"))
    return {"message": {"role": "assistant", "content": text} | given(**beside)}


def call(part: ir.ToolCall, text: str, index: int, losses: Ledger) -> Document:
    """A whole call: this protocol has no pieces of one."""
    name = part.name if part.namespace is None else f"{part.namespace}__{part.name}"
    if part.namespace is not None:
        losses.approximated("tool_calls.namespace", "joined to the name, for lack of namespaces")
    told = arguments.told(part, text, f"{part.at or 'tool_calls'}.arguments", losses)
    return {"id": part.id, "function": {"index": index, "name": name, "arguments": told}}


def logprobs(tokens: Sequence[ir.TokenLogprob]) -> list[Document] | None:
    return [_logprob(token) | {"top_logprobs": _tops(token)} for token in tokens] or None


def _tops(token: ir.TokenLogprob) -> list[Document]:
    return [_logprob(other) for other in token.top]


def _logprob(token: ir.TokenLogprob) -> Document:
    data = token.token.encode() if token.data is None else token.data
    return {"token": token.token, "logprob": token.logprob, "bytes": list(data)}


def end(stop: ir.Stop, usage: ir.Usage | None, losses: Ledger) -> Document:
    """What the last line says; the answer's losses too, since lines of JSON have no comments."""
    if stop.reason in UNSAID:
        losses.approximated("done_reason", f"an answer that ends by {stop.reason} looks finished")
    if stop.sequence is not None:
        losses.dropped("done_reason", "which stop string was met has no field here")
    for field in foreign(stop, NAME):
        losses.dropped(field.name, f"a field of {field.owner}")
    counts = given(
        prompt_eval_count=usage.input if usage else None,
        eval_count=usage.output if usage else None,
    )
    return {"done": True, "done_reason": FINISH[stop.reason]} | counts


def lose_part(part: ir.Part, generate: bool, losses: Ledger) -> None:
    """What of a part this protocol has no field for."""
    match part:
        case ir.Text(citations=citations) if citations:
            losses.dropped("message.citations", "this protocol has no field for them")
        case ir.Refusal():
            losses.approximated("message.refusal", "a refusal is told as text")
        case ir.Reasoning():
            if part.text and part.summary:
                losses.dropped("message.thinking.summary", "the thought itself is shown")
            if part.signature is not None or part.sealed is not None:
                losses.dropped("message.thinking.signature", "this protocol has no field for it")
        case ir.ToolCall() if generate:
            losses.dropped("tool_calls", "an answer to one prompt has no calls; use /api/chat")
        case ir.Opaque():
            losses.dropped(f"message.{part.type}", f"an object of {part.protocol} only")
        case ir.Media() | ir.ToolResult():
            losses.dropped(f"message.{type(part).__name__.lower()}", "no answer here can hold it")
        case _:
            pass
