"""Calls about a response that is kept."""

from __future__ import annotations

from ....core.canon.errors import InvalidRequest, NotFound
from ....core.contract.api import Document
from ....core.contract.state import Asking
from . import chain
from .chain import RESPONSE
from .paging import paged


async def retrieve(asking: Asking) -> Document:
    answer: Document = (await _found(asking))["answer"]
    return answer


async def delete(asking: Asking) -> Document:
    id = asking.items[0]
    if not await asking.records.delete(RESPONSE, id):
        raise _gone(id)
    return {"id": id, "object": "response", "deleted": True}


async def cancel(asking: Asking) -> Document:
    found = await _found(asking)
    id = found["answer"]["id"]
    raise InvalidRequest(f"response {id!r} does not run in the background; nothing is cancelled")


async def input_items(asking: Asking) -> Document:
    """All that the model was told, what the response goes on from included."""
    found = await _found(asking)
    items: list[Document] = []
    if found["previous"] is not None:
        items = (await chain.chained(asking.records, found["previous"])).items
    elif found["conversation"] is not None:
        every = await chain.batches(asking.records, found["conversation"])
        items = chain.items_of(every, found["before"])
    return paged([*items, *found["input"]], asking.query)


async def _found(asking: Asking) -> Document:
    id = asking.items[0]
    found = await asking.records.get(RESPONSE, id)
    if found is None:
        raise _gone(id)
    return found


def _gone(id: str) -> NotFound:
    return NotFound(f"no response {id!r} is kept here", param="response_id")
