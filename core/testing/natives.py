"""The check that what a model declares as native passes through as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from ..canon import ir
from ..canon.errors import ConfigError
from ..contract.api import Api, Context
from ..contract.provider import NativeCall, NativeReply
from ..runtime.plugins import Plugins
from .bench import Bench
from .findings import Breach, told
from .reading import Record, fault

FORWARDING = "forward() passes a call on, and gives the answer as the call's own protocol has it"
LEAVING = "closing the body of a native answer, read or not, cancels the work behind it"
WRITING = "an API that is native somewhere is installed, and can write a request with encode()"


async def natives(bench: Bench) -> None:
    """A declared native API answers in that API, streamed and whole, and can be left midway."""
    async with bench.running():
        for name in sorted(bench.model.native):
            try:
                await _native(bench, _installed(name))
            except Breach as breach:
                bench.saw(f"{name}: {breach.seen}", breach.rule)


def _installed(name: str) -> Api:
    try:
        return Plugins().api(name)
    except ConfigError as error:
        raise Breach(error.message, WRITING) from error


async def _native(bench: Bench, api: Api) -> None:
    for call in (_call(bench, api, stream=False), _call(bench, api, stream=True)):
        reply = await _forwarded(bench, api, call)
        body = await _whole_body(bench, reply)
        if wrong := _wrong(api, body, call.stream):
            asked = "a stream" if call.stream else "a whole answer"
            raise Breach(
                f"asked for {asked}, forward() gave none of {api.title}: {wrong}", FORWARDING
            )
    for chunks, when in ((0, "unread"), (1, "midway")):
        await _left(bench, api, chunks, f"closing a native stream {when}")


def _call(bench: Bench, api: Api, stream: bool, request: ir.Request | None = None) -> NativeCall:
    """A request, the plain one if none is given, as a client of this API sends it."""
    operation = next((o for o in api.operations if o.action == "generate"), None)
    if operation is None:
        raise Breach("the API has no operation that generates, so nothing can be asked", WRITING)
    try:
        document, _ = api.encode(replace(request or bench.plain, stream=stream), bench.model.id)
    except NotImplementedError:
        raise Breach("the API has no encode(), so it cannot be asked natively", WRITING) from None
    body = orjson.dumps(document)
    method, path = operation.method, operation.path
    return NativeCall(api.name, operation.name, method, path, "", {}, body, stream)


async def _forwarded(bench: Bench, api: Api, call: NativeCall) -> NativeReply:
    reply = await bench.within(bench.provider.forward(call), "forward()", FORWARDING)
    wanted = _content_type(bench, api) if call.stream else "application/json"
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status == 200 and kind == wanted:
        return reply
    body = await _whole_body(bench, reply)
    said = body[:200].decode(errors="replace")
    seen = f"forward() answered {reply.status} with {kind or 'no content-type'} ({said})"
    raise Breach(f"{seen} instead of 200 with {wanted}", FORWARDING)


def _content_type(bench: Bench, api: Api) -> str:
    encoder = api.encoder(bench.plain, Context("0" * 32, 0, bench.model.id))
    return encoder.content_type.partition(";")[0]


async def _whole_body(bench: Bench, reply: NativeReply) -> bytes:
    record = Record()
    reading = _read(reply, record)
    await bench.within(reading, "reading a native answer", FORWARDING, records=[record])
    return b"".join(record.events)


async def _read(reply: NativeReply, record: Record, chunks: int | None = None) -> None:
    """The body, or so many pieces of it; it is closed afterwards."""
    try:
        if chunks != 0:
            async for chunk in reply.body:
                record.events.append(chunk)
                if len(record.events) == chunks:
                    break
    finally:
        await reply.body.aclose()


def _wrong(api: Api, body: bytes, stream: bool) -> str | None:
    """Why a body is no answer of an API; None where it is one."""
    try:
        events = list(_streamed(api, body) if stream else _whole(api, body))
    except Exception as error:  # whatever another protocol's bytes do to a decoder
        return told(error)
    if events and isinstance(events[-1], ir.Failed):
        return told(events[-1].error)
    return fault(events)


def _whole(api: Api, body: bytes) -> Iterator[ir.Event]:
    document: Any = orjson.loads(body)
    if error := api.fault(document):
        raise error
    yield from api.events(document)


def _streamed(api: Api, body: bytes) -> Iterator[ir.Event]:
    """The events of a stream that a relay of the API sees end."""
    relay, decoder = api.relay(), api.decoder()
    relay.feed(body)
    if not relay.ended:
        raise ValueError("it does not end as the protocol's streams end")
    for event, data in _frames(body):
        for decoded in decoder.feed(event, data):
            yield decoded
            if isinstance(decoded, ir.Finished | ir.Failed):
                return
    yield from decoder.close()


def _frames(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Server-sent events of a whole stream, or the lines of one that has a document in each."""
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if body.lstrip().startswith(b"{"):
        yield from (("", line) for line in lines.split(b"\n") if line.strip())
        return
    for block in lines.split(b"\n\n"):
        fields = [line.partition(b":")[::2] for line in block.split(b"\n")]
        named = {name: value.removeprefix(b" ").decode() for name, value in fields}
        data = [value.removeprefix(b" ") for name, value in fields if name == b"data"]
        if data:
            yield named.get(b"event", ""), b"\n".join(data)


async def _left(bench: Bench, api: Api, chunks: int, what: str) -> None:
    before = bench.snapshot()
    reply = await _forwarded(bench, api, _call(bench, api, True, bench.long))
    await bench.within(_read(reply, Record(), chunks), what, LEAVING)
    await bench.gone(before, what, LEAVING)
