"""A whole answer as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.canon import ir
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger
from ...core.contract.seal import is_seal
from ..serverside import shown
from . import details, output
from .vocabulary import legacy


def document(request: ir.Request, responses: Sequence[ir.Response], context: Context) -> Document:
    """One `chat.completion`; a response per choice."""
    counts = [response.usage for response in responses if response.usage is not None]
    return {
        "id": f"chatcmpl-{context.token}",
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        "system_fingerprint": None,
        "service_tier": None,
        "choices": [
            _choice(index, response, legacy(request), context.losses)
            for index, response in enumerate(responses)
        ],
        "usage": output.usage(counts),
    }


def _choice(index: int, response: ir.Response, old: bool, losses: Ledger) -> Document:
    message, tokens = _message(response.parts, old, losses)
    refused = message["refusal"] is not None
    finished = output.finish(response.stop, refused, old, losses)
    return {"index": index, "message": message, "logprobs": tokens} | finished


def _message(
    parts: Sequence[ir.Part], old: bool, losses: Ledger
) -> tuple[Document, Document | None]:
    texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
    tokens: list[ir.TokenLogprob] = []
    calls: list[ir.ToolCall] = []
    annotations: list[Document] = []
    pieces: list[Document] = []
    for part in shown(parts, losses):
        told = isinstance(part, ir.Reasoning) and bool(part.text)
        output.lose_part(part, told, losses)
        match part:
            case ir.Text():
                texts["content"].append(part.text)
                tokens += part.logprobs
                notes = (output.annotation(citation, losses) for citation in part.citations)
                annotations += [each for each in notes if each is not None]
            case ir.Refusal():
                texts["refusal"].append(part.text)
            case ir.Reasoning():
                texts["reasoning_content"].append(part.text or "\n\n".join(part.summary))
                if part.sealed is not None and is_seal(part.sealed):
                    pieces += details.sealed(part.sealed, len(pieces))
            case ir.ToolCall():
                calls.append(part)
            case _:
                pass
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    message |= {name: "".join(pieces) for name, pieces in texts.items() if pieces}
    message["annotations"] = annotations
    if pieces:
        message["reasoning_details"] = pieces
    return message | _calls(calls, old, losses), output.logprobs("content", tokens)


def _calls(calls: Sequence[ir.ToolCall], old: bool, losses: Ledger) -> Document:
    if not calls:
        return {}
    if not old:
        return {"tool_calls": [output.call(call, call.arguments, losses) for call in calls]}
    first, *others = calls
    if others:
        output.lose_call(losses)
    return {"function_call": output.function_call(first, first.arguments)}
