"""One generation, from the engine's queue to its last event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ...core.canon import ir
from .answer import Answer
from .job import Admitted, Broken, Ended, Job, Token
from .worker import Worker


async def generation(
    worker: Worker, job: Job, answer: Answer, started: ir.Started
) -> AsyncIterator[ir.Event]:
    """`Started` comes when the engine has begun: what fails before is raised. Closing the
    iterator, or an answer that is complete before the model ends, frees the slot.
    """
    worker.submit(job)
    cached: int | None = None
    try:
        while True:
            tokens: list[Token] = []
            end: Ended | Broken | None = None
            for output in await job.take():
                match output:
                    case Admitted() if cached is not None:
                        cached = output.cached
                    case Admitted():
                        cached = output.cached
                        usage = ir.Usage(job.prompt_size, cache_read=cached)
                        yield replace(started, usage=usage)
                    case Token():
                        tokens.append(output)
                    case Ended() | Broken():
                        end = output
            for event in answer.feed(tokens):
                yield event
            if answer.done:
                end = Ended("end")
            match end:
                case Broken(error) if cached is None:
                    raise error
                case Broken(error):
                    yield ir.Failed(error)
                    return
                case Ended(reason):
                    for event in answer.close(reason, job.prompt_size, cached or 0):
                        yield event
                    return
                case None:
                    pass
    finally:
        worker.cancel(job)
