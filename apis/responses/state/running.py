"""A response in the background: how it begins, is cancelled and watched, and its stream's end."""

from __future__ import annotations

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract import lease
from ....core.contract.api import Context, Document
from ....core.contract.state import Asking, Opened, Record, Watched
from ...sse import frame
from ..response import echo, queued
from .beginning import Held
from .paging import DIGITS
from .record import RESPONSE, changed
from .responses import found


def begun(
    asking: Asking, opened: Opened, request: ir.Request, context: Context
) -> tuple[Record, Document]:
    held: Held = opened.held
    answer = queued(echo(request, context))
    return Record(RESPONSE, answer["id"], held.record(answer, [])), answer


def going(document: Document) -> Document:
    if lease.is_cancelled(document):
        return document
    return changed(document, status="in_progress")


async def cancel(asking: Asking) -> Document:
    """Ask whoever makes a response to stop; one that has ended stays as it is."""
    while True:
        record = await found(asking)
        answer: Document = record["answer"]
        if not answer["background"]:
            raise InvalidRequest(
                f"response {answer['id']!r} does not run in the background; nothing is cancelled"
            )
        if not lease.is_held(record) or lease.is_cancelled(record):
            return answer
        ending = changed(lease.cancelled(record), status="cancelled")
        if await asking.records.swap(Record(RESPONSE, answer["id"], ending), record):
            return {**ending["answer"]}


async def watched(asking: Asking) -> Watched | None:
    """What `stream` and `starting_after` of a query ask for."""
    after, streams = asking.query.get("starting_after"), asking.query.get("stream", "false")
    if streams.lower() not in ("true", "false"):
        raise InvalidRequest(f"stream: must be true or false, not {streams!r}", param="stream")
    if streams.lower() == "false":
        if after is not None:
            raise InvalidRequest("starting_after: needs stream=true", param="starting_after")
        return None
    if after is not None and not (after.isdecimal() and len(after) <= DIGITS):
        raise InvalidRequest(
            f"starting_after: must be the number of an event, not {after!r}", param="starting_after"
        )
    record = await found(asking)
    if not record["streamed"]:
        raise InvalidRequest(
            f"stream: response {asking.items[0]!r} was not created with background and stream; "
            "retrieve it without stream",
            param="stream",
        )
    return Watched(asking.items[0], record, -1 if after is None else int(after))


def ending(document: Document, number: int) -> list[bytes]:
    """The terminal; a cancelled response has no other event for it than `response.incomplete`."""
    answer = document["answer"]
    kind = {"completed": "completed", "failed": "failed"}.get(answer["status"], "incomplete")
    events = [(f"response.{kind}", answer)]
    if number == 0:
        events.insert(0, ("response.created", queued(answer)))
    return [
        frame({"type": name, "sequence_number": place, "response": shown}, name)
        for place, (name, shown) in enumerate(events, number)
    ]
