"""Answers in which nothing is generated: a client only prepares what it will ask for next.

An engine that keeps what it has read is made to read the prompt. Nobody else is asked, since an
upstream would be paid for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ..canon import ir


def has_prompt(request: ir.Request) -> bool:
    """Whether there is anything to read; a template may fail where there is not."""
    return bool(request.turns or request.instructions)


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


async def nothing(model: str) -> AsyncIterator[ir.Event]:
    yield ir.Started("", model)
    yield ir.Finished(ir.Stop("end"), ir.Usage(0, 0))
