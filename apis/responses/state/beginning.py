"""A new response: what it goes on from is put into its input, and what is kept of it in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest, NotSupported
from ....core.contract.api import Document
from ....core.contract.losses import Ledger
from ....core.contract.state import Asking, Opened, Record
from .. import compaction
from ..output import View, write_items
from ..response import OUTCOMES
from . import chain
from .chain import History, Unknown
from .items import kept, listed
from .record import RESPONSE

OURS = ("previous_response_id", "conversation", "background")  # what is settled before decoding


@dataclass(frozen=True, slots=True)
class Held:
    """What has to be known of the beginning: the client's own items, and what was before.

    `streamed` says that events are kept, too.
    """

    items: list[Document]
    history: History
    streamed: bool = False

    def record(self, answer: Document, replay: list[Document]) -> Document:
        return {
            "answer": answer,
            "input": self.items,
            "replay": None if replay and replay == answer["output"] else replay,
            "previous": self.history.previous,
            "conversation": self.history.conversation,
            "before": self.history.end,
            "streamed": self.streamed,
        }


async def begin(asking: Asking) -> Opened:
    document = asking.document
    if not isinstance(document, dict):
        return Opened({} if document is None else {"": document})
    stored = asking.records.keeps and document.get("store") is not False
    into = asking.records if stored else asking.records.unstored()
    if asking.operation == compaction.OPERATION:
        stored, into = False, None
    background = document.get("background") is True and asking.operation == "create"
    given = listed(document.get("input"))
    try:
        history = await _history(asking, document)
        items = await chain.resolved(asking.records, given, history.items)
    except Unknown as unknown:
        return Opened(document, into=into, unknown=unknown)
    if stored or history.items:  # what is kept nowhere is paged by no name
        chain.distinct(items, history.items)
    continues = items != given or bool(history.previous or history.conversation)
    opened = Opened(document, into=into, background=background)
    if background and not stored:
        if continues:  # which no upstream could do
            raise _unkept(asking)
        return replace(opened, unknown=_unkept(asking))
    streamed = background and document.get("stream") is True
    opened = replace(opened, held=Held(kept(items, asking.token), history, streamed))
    ours = stored or background or continues or asking.operation == compaction.OPERATION
    if asking.records.keeps or into is not None:
        opened = replace(opened, shown=_shown(document, history, stored, background))
    # No upstream is to keep what is kept here.
    told = document | {"store": False} if ours else document
    if continues or background:
        told = {name: value for name, value in told.items() if name not in OURS}
        told |= {"input": [*compaction.after(history.items), *items]}
    return replace(opened, document=told, continues=continues)


def _unkept(asking: Asking) -> NotSupported:
    why = (
        "needs an answer that is kept; leave store out, or make it true"
        if asking.records.keeps
        else "this stack keeps nothing: name a `store` in its distribution"
    )
    return NotSupported(f"background: {why}", param="background")


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
        return await chain.chained(asking, previous)
    if conversation is not None:
        return await chain.conversed(asking.records, conversation)
    return History()


def _shown(document: Document, history: History, stored: bool, background: bool) -> Document:
    conversation = history.conversation
    return {
        "store": stored,
        "background": background,
        "previous_response_id": history.previous,
        "conversation": None if conversation is None else {"id": conversation},
    }


async def keep(asking: Asking, opened: Opened, answer: Document, response: ir.Response) -> Record:
    held: Held = opened.held
    history, replay = held.history, _replayed(asking.token, response)
    if history.conversation is not None and opened.into is asking.records:
        said = [*held.items, *replay]
        await chain.append(asking.records, history.conversation, said, history.end)
    return Record(RESPONSE, answer["id"], held.record(answer, replay))


def _replayed(token: str, response: ir.Response) -> list[Document]:
    """The answer's items with all that a model may need of them, whatever the client was shown."""
    view = View(token, Ledger(), summary=False, sealed=True, logprobs=False)
    return write_items(response.parts, view, OUTCOMES[response.stop.reason].item_status)
