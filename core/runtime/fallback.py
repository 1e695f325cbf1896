"""Which failures lead on to the next of a model's fallbacks.

Those of the model: its server is not there or too busy, its answer makes no sense, the prompt is
too long for it, it cannot do what was asked. What is wrong with the request itself stays an error,
since no other model would mend it. All of it is known before the first byte of an answer.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from ..canon.errors import (
    ContextOverflow,
    NotSupported,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    StackError,
    UpstreamError,
    UpstreamTimeout,
)
from ..contract.api import Api
from .call import Reply
from .registry import Target

logger = logging.getLogger("polystack")

HEADER = "x-stack-fallback"

_THE_MODELS = (
    ContextOverflow,
    NotSupported,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)


Attempt = Callable[[Target], Awaitable[Reply]]


async def first_able(api: Api, candidates: AsyncIterator[Target], attempt: Attempt) -> Reply:
    """The answer of the first model that can give one; where none can, the failure of the first.

    A header of the answer says who failed before it, and why.
    """
    failed: list[str] = []
    first: Reply | StackError | None = None
    async for candidate in candidates:
        outcome = await _outcome(attempt(candidate))
        error = outcome if isinstance(outcome, StackError) else _failure(api, outcome)
        if error is None or not leads_on(error):
            return _given(outcome, failed)
        name = candidate.provider.name
        logger.warning("%s failed, and a fallback is asked: %s", name, error.message)
        failed.append(f"{name}={error.kind}")
        first = first or outcome
    assert first is not None, "there is always a first candidate"
    return _given(first, [])


def _given(outcome: Reply | StackError, failed: list[str]) -> Reply:
    if isinstance(outcome, StackError):
        raise outcome
    if not failed:
        return outcome
    return replace(outcome, headers={**outcome.headers, HEADER: ", ".join(failed)})


async def _outcome(attempt: Awaitable[Reply]) -> Reply | StackError:
    try:
        return await attempt
    except StackError as error:
        return error


def _failure(api: Api, reply: Reply) -> StackError | None:
    """The error that an upstream's own answer amounts to, where it passed through."""
    if reply.status < 400 or reply.body is None:
        return None
    return api.decode_error(reply.status, reply.headers, reply.body)


def leads_on(error: StackError) -> bool:
    # A plain StackError is a fault that nobody foresaw, of an engine, say.
    return type(error) is StackError or isinstance(error, _THE_MODELS)
