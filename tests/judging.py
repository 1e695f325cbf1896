"""Every answer of Responses that a test makes or gets is held against the specification.

What passes here: what the Api makes in this process, every body that httpx2 reads (that of the
SDKs, over HTTP and in library mode), and what tests that read bytes on their own give to `judge`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from typing import Any

import httpx2
import pytest
from open_responses import wrong

from polystack.apis.responses.api import Responses
from polystack.apis.responses.encoder import Encoder
from polystack.apis.sse import Parser

_FOUND: list[str] = []


def judge(document: Any) -> None:
    _FOUND.extend(wrong(document))


def judge_body(body: bytes) -> None:
    """A document, or a stream or part of one, of whatever protocol."""
    read = [body] if body.startswith(b"{") else [event.data for event in Parser().feed(body)]
    for text in read:
        with suppress(ValueError):  # no JSON, as `[DONE]`, or cut off
            judge(json.loads(text))


def complaints() -> list[str]:
    """What was found since this was asked last."""
    found = list(dict.fromkeys(_FOUND))
    _FOUND.clear()
    return found


@contextmanager
def judging() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _judge_the_api(patch)
        _judge_what_is_read(patch)
        yield


def _judge_the_api(patch: pytest.MonkeyPatch) -> None:
    feed, document = Encoder.feed, Responses.document

    def fed(self: Encoder, *given: Any) -> bytes:
        frames = feed(self, *given)
        judge_body(frames)
        return frames

    def made(self: Responses, *given: Any) -> Any:
        answer = document(self, *given)
        judge(answer)
        return answer

    patch.setattr(Encoder, "feed", fed)
    patch.setattr(Responses, "document", made)


def _judge_what_is_read(patch: pytest.MonkeyPatch) -> None:
    read: Any = httpx2.Response.iter_raw
    aread: Any = httpx2.Response.aiter_raw

    def iter_raw(self: httpx2.Response, *given: Any) -> Iterator[bytes]:
        body = bytearray()
        with closing(read(self, *given)) as chunks:
            for chunk in chunks:
                body += chunk
                yield chunk
        judge_body(bytes(body))

    async def aiter_raw(self: httpx2.Response, *given: Any) -> AsyncIterator[bytes]:
        body = bytearray()
        async with aclosing(aread(self, *given)) as chunks:
            async for chunk in chunks:
                body += chunk
                yield chunk
        judge_body(bytes(body))

    patch.setattr(httpx2.Response, "iter_raw", iter_raw)
    patch.setattr(httpx2.Response, "aiter_raw", aiter_raw)
