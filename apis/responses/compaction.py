"""Compaction: a conversation in brief, as an item that its client carries on from.

It is asked for by a last input item (`compaction_trigger`), answered by one `compaction` item; or
at an endpoint of its own, which gives the user's messages too.
Source of the shapes: `CompactedResponse`, `ResponseCompactionItem` of the openai SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from .extras import NAME, remembered
from .items import encode_input

OPERATION = "compact"
TRIGGER = "compaction_trigger"
KIND = "compaction"


def marked(request: ir.Request, operation: str) -> ir.Request:
    """The request, as one that `compacts` where it is meant so; raises `InvalidRequest`."""
    turns = request.turns
    places = [place for place, turn in enumerate(turns) if _is_trigger(turn)]
    if any(place != len(turns) - 1 for place in places):
        at = turns[places[0]].at
        raise InvalidRequest(f"{at}: a {TRIGGER} must be the last item of input", param=at)
    if operation == OPERATION:
        kept = {**(request.extra or {}).get(NAME, {}), "_compact": True}
        request = replace(request, stream=False, extra={**(request.extra or {}), NAME: kept})
        turns = turns if places else (*turns, _trigger())
    elif not places:
        return request
    if len(turns) == 1:
        message = "input: there is nothing to compact; send the conversation in front of it"
        raise InvalidRequest(message, param="input")
    return replace(request, turns=turns, compacts=True)


def _is_trigger(turn: ir.Turn) -> bool:
    return any(isinstance(part, ir.Opaque) and part.type == TRIGGER for part in turn.parts)


def _trigger() -> ir.Turn:
    return ir.Turn("user", (ir.Opaque(NAME, TRIGGER, {"type": TRIGGER}),))


def item(seal: str) -> ir.Opaque:
    return ir.Opaque(NAME, KIND, {"type": KIND, "encrypted_content": seal})


def is_whole(request: ir.Request) -> bool:
    """Whether the answer is to be the compacted conversation, rather than a response."""
    return bool(remembered(request, "_compact"))


def document(request: ir.Request, answer: Document) -> Document:
    """The conversation as it goes on: what the user said, and then all of it in brief."""
    return {
        "id": answer["id"],
        "object": "response.compaction",
        "created_at": answer["created_at"],
        "output": [*_said(request, answer["id"]), *answer["output"]],
        "usage": answer["usage"],
    }


def _said(request: ir.Request, id: str) -> list[Document]:
    users = [turn for turn in request.turns[:-1] if turn.role == "user"]
    # A lone text is written as a string, which an item of an answer never is.
    items = encode_input(replace(request, turns=tuple(users)), Ledger())
    token = id.removeprefix("resp_")
    told = [{"role": "user", "content": items}] if isinstance(items, str) else items
    messages = [item for item in told if item.get("type", "message") == "message"]
    return [_message(item, f"msg_{token}_u{place}") for place, item in enumerate(messages)]


def _message(item: Document, id: str) -> Document:
    content = item["content"]
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    return {"id": id, "status": "completed", **item, "type": "message", "content": parts}


def after(items: Sequence[Document]) -> list[Document]:
    """Items of a conversation, without those that a later one has in brief."""
    kinds = [item.get("type") for item in items]
    if TRIGGER not in kinds:
        return list(items)
    last = len(kinds) - 1 - kinds[::-1].index(TRIGGER)
    return list(items[last + 1 :])
