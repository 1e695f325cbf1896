"""An upstream's answer as events, with the failures that only HTTP can show."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import orjson

from ...apis.sse import Parser
from ...core.canon import ir
from ...core.canon.errors import StackError, UpstreamError
from ...core.contract.api import Api
from .transport import Answer

WHOLE_LIMIT = 64 << 20  # bytes of a whole answer
ERROR_LIMIT = 1 << 20  # bytes of an error's body


async def error_of(api: Api, answer: Answer) -> StackError:
    """What an answer that is no success means, in the words that the server gave."""
    if 300 <= answer.status < 400:
        return UpstreamError(
            f"the upstream redirects ({answer.status}), which is not followed; correct base_url"
        )
    body = await answer.read(ERROR_LIMIT)
    error = api.decode_error(answer.status, answer.headers, body)
    error.retried = answer.headers.get("x-should-retry") == "false"
    return error


def media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def events(api: Api, answer: Answer) -> AsyncGenerator[list[ir.Event]]:
    """The events of a 2xx answer, all that one read brought together; a terminal is the last.

    Some servers answer a request for a stream with a whole document, and the other way round;
    what the answer calls itself decides. Raises `StackError` for what is neither.
    """
    kind = media_type(answer)
    return _streamed(api, answer) if kind == "text/event-stream" else _whole(api, answer, kind)


async def _whole(api: Api, answer: Answer, kind: str) -> AsyncGenerator[list[ir.Event]]:
    if kind != "application/json" and not kind.endswith("+json"):
        raise UpstreamError(
            f"the upstream answered with {kind or 'no content type'}, which is no answer to this"
        )
    yield list(api.events(document(await answer.read(WHOLE_LIMIT))))


async def _streamed(api: Api, answer: Answer) -> AsyncGenerator[list[ir.Event]]:
    parser, decoder = Parser(), api.decoder()
    # A generator that is left in the middle is closed in a task of its own, if nobody else does.
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            batch: list[ir.Event] = []
            for event in parser.feed(chunk):
                batch += decoder.feed(event.event, event.data)
            if batch:
                yield batch
                if isinstance(batch[-1], ir.Finished | ir.Failed):
                    return
    yield list(decoder.close())


def document(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except ValueError:
        raise UpstreamError("the upstream's answer is not valid JSON") from None


def begin(batch: list[ir.Event], estimate: int) -> list[ir.Event]:
    """The first events of an answer; a failure before `Started` is raised: nothing was shown yet.

    Where the upstream says nothing of the prompt's tokens at the start, `estimate` stands for
    them, marked as such.
    """
    for i, event in enumerate(batch):
        if isinstance(event, ir.Failed):
            raise event.error
        if isinstance(event, ir.Started):
            if event.usage is None and estimate:
                started = replace(event, usage=ir.Usage(estimate, estimated=True))
                return [*batch[:i], started, *batch[i + 1 :]]
            return batch
    return []
