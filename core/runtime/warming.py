"""Answers in which nothing is generated: a client only prepares what it will ask for next.

An engine that keeps what it has read is made to read the prompt. Nobody else is asked, since an
upstream would be paid for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ..canon import ir
from ..contract.provider import Prepared


def briefest(request: ir.Request) -> ir.Request:
    """The request that takes no longer than to read its prompt."""
    return replace(request, sampling=replace(request.sampling, max_tokens=1))


async def read(run: AsyncIterator[ir.Event]) -> AsyncIterator[ir.Event]:
    """The start and the end of an answer; by then its prompt has been read."""
    try:
        async for event in run:
            if isinstance(event, ir.Finished):
                usage = event.usage and replace(event.usage, output=0, reasoning=None)
                event = ir.Finished(ir.Stop("end"), usage)
            if isinstance(event, ir.Started | ir.Finished | ir.Failed):
                yield event
    finally:
        close = getattr(run, "aclose", None)
        if close is not None:
            await close()


def unread(model: str) -> Prepared:
    """For what cannot be read as yet: many templates want a user's words, which are still to come.

    If there is more to it than that, the client hears so when it asks for an answer.
    """
    return Prepared(lambda choice: nothing(model))


async def nothing(model: str) -> AsyncIterator[ir.Event]:
    yield ir.Started("", model)
    yield ir.Finished(ir.Stop("end"), ir.Usage(0, 0))
