"""Conversations: items under one name, to which responses add theirs.

Source of the shapes: `openai.types.conversations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....core.canon.errors import InvalidRequest, NotFound
from ....core.contract.api import Document
from ....core.contract.state import Asking, Record
from ...validation import validate
from .. import schema
from . import chain, including
from .chain import BATCH, CONVERSATION, batch, batches, items_of
from .items import kept
from .paging import listing, paged

MOST_ITEMS = 20  # in one call
PAIRS, KEY, VALUE = 16, 64, 512  # of metadata: how many, and characters


async def create(asking: Asking) -> Document:
    given = _body(asking)
    id = f"conv_{asking.token}"
    conversation = {
        "id": id,
        "object": "conversation",
        "created_at": asking.now,
        "metadata": _metadata(given.get("metadata")),
    }
    items = await _items(asking, given.get("items"), [])
    first = [batch(id, 1, items)] if items else []
    await asking.records.put(Record(CONVERSATION, id, conversation), *first)
    return conversation


async def retrieve(asking: Asking) -> Document:
    return await _found(asking)


async def update(asking: Asking) -> Document:
    given, conversation = _body(asking), await _found(asking)
    if "metadata" not in given:
        raise InvalidRequest("metadata: field required", param="metadata")
    conversation["metadata"] = _metadata(given.get("metadata"))
    await asking.records.put(Record(CONVERSATION, conversation["id"], conversation))
    return conversation


async def delete(asking: Asking) -> Document:
    id = asking.items[0]
    if not await asking.records.delete(CONVERSATION, id):
        raise chain.no_conversation(id)
    await asking.records.drop(BATCH, f"{id}.")
    return {"id": id, "object": "conversation.deleted", "deleted": True}


async def add_items(asking: Asking) -> Document:
    conversation = await _found(asking)
    history = await chain.conversed(asking.records, conversation["id"])
    items = await _items(asking, _body(asking).get("items"), history.items)
    if not items:
        raise InvalidRequest("items: must hold at least one item", param="items")
    await chain.append(asking.records, conversation["id"], items, history.end)
    return listing(items)


async def list_items(asking: Asking) -> Document:
    conversation = await _found(asking)
    items = items_of(await batches(asking.records, conversation["id"]))
    return paged(including.listed(items, including.included(asking.query)), asking.query)


async def retrieve_item(asking: Asking) -> Document:
    _, item = await _item(asking)
    return item


async def delete_item(asking: Asking) -> Document:
    while True:
        found, item = await _item(asking)
        # One that is empty stays, so that its number is never another's.
        rest = [other for other in found.document["items"] if other is not item]
        if await asking.records.swap(replace(found, document={"items": rest}), found.document):
            return await _found(asking)


async def _found(asking: Asking) -> Document:
    id = asking.items[0]
    found = await asking.records.get(CONVERSATION, id)
    if found is None:
        raise chain.no_conversation(id)
    return found


async def _item(asking: Asking) -> tuple[Record, Document]:
    """An item, and the batch that it is in."""
    conversation, wanted = await _found(asking), asking.items[1]
    for found in await batches(asking.records, conversation["id"]):
        for item in found.document["items"]:
            if item.get("id") == wanted:
                return found, item
    raise NotFound(f"no item {wanted!r} is in this conversation", param="item_id")


def _body(asking: Asking) -> Document:
    given = asking.document if asking.document is not None else {}
    if not isinstance(given, dict):
        raise InvalidRequest("the request body must be a JSON object")
    return given


async def _items(asking: Asking, given: object, history: Sequence[Document]) -> list[Document]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise InvalidRequest("items: must be a list of items", param="items")
    if len(given) > MOST_ITEMS:
        raise InvalidRequest(
            f"items: must be {MOST_ITEMS} at most, not {len(given)}", param="items"
        )
    validate(schema.Items, {"items": given})  # what no response could go on from
    items = await chain.resolved(asking.records, given, history, "items")
    chain.distinct(items, history, "items")
    return kept(items, asking.token)


def _metadata(given: Any) -> Document:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > PAIRS:
        raise InvalidRequest(f"metadata: must be {PAIRS} pairs at most", param="metadata")
    for key, value in given.items():
        if not isinstance(value, str) or len(value) > VALUE or len(key) > KEY:
            raise InvalidRequest(
                f"metadata.{key}: must be a text of {VALUE} characters at most, under a name of "
                f"{KEY} at most",
                param=f"metadata.{key}",
            )
    return given
