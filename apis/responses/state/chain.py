"""What a new response goes on from: a chain of responses, or a conversation, as items.

A conversation is a sequence of batches: what one response, or one call, added at once. A batch has
the next number, and takes it by `swap`: of two that are added at the same time neither is lost, and
the order is that in which they were added, whatever each of them had seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ....core.canon.errors import InvalidRequest, NotFound, StackError
from ....core.contract import lease
from ....core.contract.api import Document
from ....core.contract.state import Asking, Record, Records
from .items import is_reference
from .record import RESPONSE, current, replay

CONVERSATION, BATCH = "conversation", "conversation_batch"
LONGEST = 10_000  # responses of a chain; what is longer is a circle


@dataclass(frozen=True, slots=True)
class History:
    """`items` were said before; `conversation` is where the next ones are added, behind `end`."""

    items: list[Document] = field(default_factory=list)
    previous: str | None = None
    conversation: str | None = None
    end: str = ""


class Unknown(InvalidRequest):
    """A name that is not known here."""


def not_found(id: str, missing: str | None = None) -> Unknown:
    why = "" if missing in (None, id) else f": {missing}, which it goes on from, is gone"
    return Unknown(
        f"previous_response_id: no response {id!r} is kept here{why}; send the whole conversation "
        "in input",
        param="previous_response_id",
        code="previous_response_not_found",
    )


async def chained(asking: Asking, id: str) -> History:
    """All that was said up to a response and in it; raises `Unknown` where a part is missing."""
    chain: list[Document] = []
    here: str | None = id
    while here is not None and len(chain) < LONGEST:
        found = await current(asking, here)
        if found is None:
            raise not_found(id, here)
        if lease.is_held(found):
            raise InvalidRequest(
                f"previous_response_id: response {here!r} has not ended yet; wait for its end",
                param="previous_response_id",
            )
        chain.append(found)
        here = found["previous"]
    first = chain[-1]
    items = await conversed_before(asking.records, first, id)
    for each in reversed(chain):
        items += each["input"] + replay(each)
    return History(items, previous=id)


async def conversed_before(records: Records, first: Document, id: str) -> list[Document]:
    """What its conversation, if any, held before a response; raises `Unknown` where it is gone."""
    if (conversation := first["conversation"]) is None:
        return []
    if await records.get(CONVERSATION, conversation) is None:
        raise not_found(id, conversation)
    return items_of(await batches(records, conversation), first["before"])


async def conversed(records: Records, given: object) -> History:
    """All of a conversation; raises `NotFound` where there is none."""
    id = given.get("id") if isinstance(given, dict) else given
    if not isinstance(id, str) or not id:
        raise InvalidRequest(
            "conversation: must be an id, or an object with one", param="conversation"
        )
    if await records.get(CONVERSATION, id) is None:
        raise no_conversation(id)
    found = await batches(records, id)
    return History(items_of(found), conversation=id, end=found[-1].id if found else f"{id}.")


def no_conversation(id: str) -> StackError:
    return NotFound(f"conversation: no conversation {id!r} is kept here", param="conversation")


async def batches(records: Records, conversation: str) -> list[Record]:
    """All that was added to a conversation, in that order."""
    found: list[Record] = []
    more, after = True, ""
    while more:
        page, more = await records.list(BATCH, f"{conversation}.", after, 500)
        found += page
        after = found[-1].id if found else ""
    return found


def items_of(found: Sequence[Record], end: str | None = None) -> list[Document]:
    """The items of these batches, or of those up to one."""
    return [
        item
        for batch in found
        if end is None or batch.id <= end
        for item in batch.document["items"]
    ]


def batch(conversation: str, number: int, items: Sequence[Document]) -> Record:
    return Record(BATCH, f"{conversation}.{number:010d}", {"items": list(items)})


async def append(records: Records, conversation: str, items: Sequence[Document], end: str) -> None:
    """Add a batch behind all others, the last of which was `end` when somebody looked."""
    number = int(end.rpartition(".")[2] or 0) + 1
    while not await records.swap(added := batch(conversation, number, items), None):
        if await records.get(BATCH, added.id) == added.document:
            return  # it was written after all, by a try that the store took for a failure
        number += 1


async def resolved(
    records: Records, items: Sequence[Document], history: Sequence[Document], path: str = "input"
) -> list[Any]:
    """Items with those in place that were only named; raises `Unknown` for one that is not kept."""
    known = {item["id"]: item for item in history if "id" in item}
    found = []
    for place, item in enumerate(items):
        if not is_reference(item):
            found.append(item)
            continue
        id = str(item.get("id"))
        meant = known.get(id) or await _within(records, id)
        if meant is None:
            at = f"{path}.{place}"
            raise Unknown(f"{at}: no item {id!r} is kept here; send the item itself", param=at)
        found.append(meant)
    return found


def distinct(items: Sequence[Any], history: Sequence[Document], path: str = "input") -> None:
    """Raise for an item that was said before: it would be told twice, under one name."""
    known = {_name(item) for item in history}
    for place, item in enumerate(items):
        name = _name(item)
        if name in known and isinstance(name[1], str):
            at = f"{path}.{place}"
            why = f"item {name[1]!r} is in the conversation already; leave it out"
            raise InvalidRequest(f"{at}: {why}", param=at)
        known.add(name)


def _name(item: Document) -> tuple[object, object]:
    # An output may bear the name of its call.
    return item.get("type", "message"), item.get("id")


async def _within(records: Records, id: str) -> Document | None:
    """An item of a response, whose token is part of the item's name."""
    _, _, rest = id.partition("_")
    response = await records.get(RESPONSE, f"resp_{rest.partition('_')[0]}")
    if response is None:
        return None
    items: list[Document] = [*response["input"], *replay(response)]
    return next((item for item in items if item.get("id") == id), None)
