"""A new response: what it goes on from is put into its input, and what is kept of it in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract.api import Document
from ....core.contract.losses import Ledger
from ....core.contract.state import Asking, Opened, Record
from .. import compaction
from ..output import View, write_items
from ..response import OUTCOMES
from . import chain
from .chain import RESPONSE, History, Unknown
from .items import kept, listed


@dataclass(frozen=True, slots=True)
class Held:
    """What `keep` has to know of the beginning: the client's own items, and what was before."""

    items: list[Document]
    history: History


async def begin(asking: Asking) -> Opened:
    document = asking.document
    if not isinstance(document, dict):
        return Opened({} if document is None else {"": document})
    stored = asking.records.keeps and document.get("store") is not False
    into = asking.records if stored else asking.records.unstored()
    if asking.operation == compaction.OPERATION:
        stored, into = False, None
    given = listed(document.get("input"))
    try:
        history = await _history(asking, document)
        items = await chain.resolved(asking.records, given, history.items)
    except Unknown as unknown:
        return Opened(document, into=into, unknown=unknown)
    own = kept(items, asking.token)
    opened = Opened(document, into=into, held=Held(own, history))
    if asking.records.keeps or into is not None:
        opened = replace(opened, shown=_shown(document, history, stored))
    if items == given and not (history.previous or history.conversation):
        return opened
    told = {k: v for k, v in document.items() if k not in ("previous_response_id", "conversation")}
    # No upstream is to keep what is kept here.
    told |= {"input": [*compaction.after(history.items), *items], "store": False}
    return replace(opened, document=told, continues=True)


async def _history(asking: Asking, document: Document) -> History:
    previous, conversation = document.get("previous_response_id"), document.get("conversation")
    if previous is not None and conversation is not None:
        raise InvalidRequest(
            "previous_response_id: cannot be used together with conversation; leave one of them "
            "out",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    if isinstance(previous, str):
        return await chain.chained(asking.records, previous)
    if conversation is not None:
        return await chain.conversed(asking.records, conversation)
    return History()


def _shown(document: Document, history: History, stored: bool) -> Document:
    conversation = history.conversation
    return {
        "store": stored,
        "previous_response_id": history.previous,
        "conversation": None if conversation is None else {"id": conversation},
    }


async def keep(asking: Asking, opened: Opened, answer: Document, response: ir.Response) -> Record:
    held: Held = opened.held
    history, items = held.history, held.items
    replay = _replayed(asking.token, response)
    record = {
        "answer": answer,
        "input": items,
        "replay": replay,
        "previous": history.previous,
        "conversation": history.conversation,
        "before": history.end,
    }
    if history.conversation is not None and opened.into is asking.records:
        said = [*items, *replay]
        await chain.append(asking.records, history.conversation, said, history.end)
    return Record(RESPONSE, answer["id"], record)


def _replayed(token: str, response: ir.Response) -> list[Document]:
    """The answer's items with all that a model may need of them, whatever the client was shown."""
    view = View(token, Ledger(), summary=False, sealed=True, logprobs=False)
    return write_items(response.parts, view, OUTCOMES[response.stop.reason].item_status)
