"""What an engine is given and what it makes of it, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from unittest.mock import patch

from engines import answer

from polystack.core import ir
from polystack.providers.local.job import Job
from polystack.providers.local.provider import Local
from polystack.providers.local.worker import Worker

_jobs: ContextVar[list[Job]] = ContextVar("jobs of this task")


class Said(NamedTuple):
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    cached: int  # tokens of the prompt that were in memory


@contextmanager
def watched() -> Iterator[None]:
    """While it lasts, `said` sees what workers are given."""
    submit = Worker.submit

    def watching(self: Worker, job: Job) -> None:
        _jobs.get([]).append(job)
        submit(self, job)

    with patch.object(Worker, "submit", watching):
        yield


async def said(provider: Local, request: ir.Request) -> Said:
    """The tokens of an answer; for several at once, each has to be a task of its own."""
    jobs: list[Job] = []
    mark = _jobs.set(jobs)
    try:
        usage = (await answer(provider, request)).usage
    finally:
        _jobs.reset(mark)
    (job,) = jobs
    assert usage is not None
    assert usage.output is not None
    tokens, size = tuple(job.tokens), job.prompt_size
    return Said(tokens[:size], tokens[size : size + usage.output], usage.cache_read or 0)
