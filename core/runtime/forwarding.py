"""A call that passes through: the client's bytes to the upstream, and the upstream's back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from ..canon.errors import UpstreamError
from ..contract.api import Api, Headers, Operation
from ..contract.losses import HEADER
from ..contract.provider import NativeCall, NativeReply, Provider
from .asking import Asked
from .call import Call, Reply
from .registry import Target
from .relaying import Pipe, Relayed, begun

if TYPE_CHECKING:
    from .distribution import ServerConfig

WHOLE_LIMIT = 64 << 20  # bytes of a whole answer
MISSING = (404, 405, 501)  # statuses of a server that has no such endpoint


def native_call(
    api: Api, operation: Operation, call: Call, asked: Asked, target: Target
) -> NativeCall:
    """What the upstream would be sent: the body as it came, but for the model's name."""
    seen = asked.scanned
    body = asked.raw if seen.model == target.model.id else seen.with_model(target.model.id)
    return passed_on(api, operation, call, body, seen.stream is True)


def passed_on(api: Api, operation: Operation, call: Call, body: bytes, streams: bool) -> NativeCall:
    """The same call for an upstream, with this body and nobody's credentials."""
    return NativeCall(
        api.name,
        operation.name,
        operation.method,
        operation.path.replace("{id}", call.item),
        call.query,
        protocol_headers(api, call.headers),
        body,
        streams,
    )


def protocol_headers(api: Api, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the protocol, and to nobody's credentials."""
    return {name: value for name, value in headers.items() if name in api.request_headers}


async def forward(
    api: Api, native: NativeCall, provider: Provider, settings: ServerConfig, request_id: str
) -> Reply:
    """Raises `StackError` for what fails before an answer; an upstream's error is an answer."""
    return await _passed(api, native, await provider.forward(native), settings, request_id)


async def forward_if_known(
    api: Api, native: NativeCall, provider: Provider, settings: ServerConfig, request_id: str
) -> Reply | None:
    """The same, and None where the upstream has no such endpoint."""
    reply = await provider.forward(native)
    if reply.status in MISSING:
        await reply.body.aclose()
        return None
    return await _passed(api, native, reply, settings, request_id)


async def _passed(
    api: Api, native: NativeCall, reply: NativeReply, settings: ServerConfig, request_id: str
) -> Reply:
    passed_on = False
    try:
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if reply.status >= 300 or not native.stream:
            return await _whole(api, reply, kind)
        if kind != api.stream_type:
            fault = api.fault(_document(await _read(reply))) if "json" in kind else None
            raise fault or UpstreamError(
                f"the upstream answered with {kind or 'no content type'} instead of a stream"
            )
        resumes = native.method == "GET"
        answer = await _streamed(api, reply, settings, request_id, resumes)
        passed_on = True
        return answer
    finally:
        if not passed_on:
            await reply.body.aclose()


async def _whole(api: Api, reply: NativeReply, kind: str) -> Reply:
    body = await _read(reply)
    if reply.status < 300:
        if kind == api.stream_type:
            raise UpstreamError("the upstream answered with a stream, though none was asked for")
        if fault := api.fault(_document(body)):
            raise fault
    elif not _is_json(body):
        # A proxy's page, say: the client's SDK is given an error that it can read.
        raise api.decode_error(reply.status, reply.headers, body)
    return Reply(reply.status, _shown(api, reply.headers), body=body)


async def _streamed(
    api: Api, reply: NativeReply, settings: ServerConfig, request_id: str, resumes: bool
) -> Reply:
    pipe, relay = Pipe(reply.body), api.relay()
    try:
        events = await begun(pipe, relay, settings.first_event_timeout, resumes) or relay.ping()
    except BaseException:
        await pipe.aclose()
        raise
    headers = {**_shown(api, reply.headers), "cache-control": "no-cache"}
    relayed = Relayed(pipe, relay, events, settings.keep_alive, request_id)
    return Reply(reply.status, headers, stream=relayed)


async def _read(reply: NativeReply) -> bytes:
    chunks, size = [], 0
    async for chunk in reply.body:
        chunks.append(chunk)
        size += len(chunk)
        if size > WHOLE_LIMIT:
            raise UpstreamError(f"the upstream's answer is longer than {WHOLE_LIMIT >> 20} MiB")
    return b"".join(chunks)


def _document(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except ValueError:
        raise UpstreamError("the upstream's answer is not valid JSON") from None


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except ValueError:
        return False
    return True


def _shown(api: Api, headers: Headers) -> dict[str, str]:
    patterns = api.response_headers
    shown = {name: value for name, value in headers.items() if _allowed(name, patterns)}
    return {HEADER: "exact", "x-stack-route": "native"} | shown


@lru_cache(4096)
def _allowed(name: str, patterns: tuple[str, ...]) -> bool:
    return name == "content-type" or any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )
