"""Calls about a response that is kept."""

from __future__ import annotations

from ....core.canon.errors import NotFound
from ....core.contract.api import Document
from ....core.contract.state import JOURNAL, Asking
from . import chain, including
from .paging import paged
from .record import RESPONSE, current, replay


async def retrieve(asking: Asking) -> Document:
    record = await found(asking)
    wanted = including.included(asking.query)
    return including.answered(record["answer"], replay(record), wanted)


async def delete(asking: Asking) -> Document:
    id = asking.items[0]
    if not await asking.records.delete(RESPONSE, id):
        raise _gone(id)
    await asking.records.drop(JOURNAL, f"{id}.")
    return {"id": id, "object": "response", "deleted": True}


async def input_items(asking: Asking) -> Document:
    """All that the model was told, what the response goes on from included."""
    record = await found(asking)
    wanted = including.included(asking.query)
    if record["previous"] is not None:
        items = (await chain.chained(asking, record["previous"])).items
    else:
        items = await chain.conversed_before(asking.records, record, asking.items[0])
    return paged(including.listed([*items, *record["input"]], wanted), asking.query)


async def found(asking: Asking) -> Document:
    """The record of the response that the path names."""
    id = asking.items[0]
    record = await current(asking, id)
    if record is None:
        raise _gone(id)
    return record


def _gone(id: str) -> NotFound:
    return NotFound(f"no response {id!r} is kept here", param="response_id")
