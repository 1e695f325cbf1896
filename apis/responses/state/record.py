"""The record of a response: its answer, what it was told, and what it goes on from.

While a response is being made in the background, its record has a lease. Whoever reads it then and
finds that the lease has run out writes down that nobody makes it any more.
"""

from __future__ import annotations

from ....core.canon.errors import StackError
from ....core.contract import lease
from ....core.contract.api import Document
from ....core.contract.state import Asking, Record
from ..errors import failure

RESPONSE = "response"
SPOKEN = ("message", "reasoning")
LEFT = "the server that made this response is gone; ask again"


def replay(document: Document) -> list[Document]:
    """The items of its answer as a model is told them, where the client was shown less."""
    kept: list[Document] | None = document["replay"]
    return document["answer"]["output"] if kept is None else kept


def broken(
    document: Document, error: StackError | None, answer: Document | None = None
) -> Document:
    """Its record where it failed, or was cancelled, with the output of `answer`.

    What goes on from it knows what was said and thought, and of no call: its output never came.
    """
    status = "cancelled" if error is None else "failed"
    told = None if error is None else failure(error)
    ended = changed(lease.released(document), status=status, error=told)
    if answer is None:
        return ended
    said = [item for item in answer["output"] if item["type"] in SPOKEN]
    return changed(ended, output=answer["output"]) | {"replay": said}


def changed(document: Document, **fields: object) -> Document:
    """The same, with other fields in its answer."""
    return {**document, "answer": {**document["answer"], **fields}}


async def current(asking: Asking, id: str) -> Document | None:
    while (found := await asking.records.get(RESPONSE, id)) is not None:
        if not lease.is_expired(found, asking.now):
            return found
        error = None if lease.is_cancelled(found) else StackError(LEFT)
        ended = broken(found, error)
        if await asking.records.swap(Record(RESPONSE, id, ended), found):
            return ended
    return None
