"""Providers that declare a native API, and give something else where they are asked in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

import orjson
from broken_providers import Sound

from polystack.core import Model, ir
from polystack.core.canon.collect import collect
from polystack.core.contract.api import Api, Context
from polystack.core.contract.provider import NativeCall, NativeReply
from polystack.core.runtime.plugins import Plugins

STREAM = {"content-type": "text/event-stream; charset=utf-8"}
WHOLE = {"content-type": "application/json"}


class Body:
    """Pieces of an answer; the provider runs until it is closed."""

    def __init__(self, pieces: Sequence[bytes], ended: Callable[[], None]) -> None:
        self._pieces = pieces
        self._ended: Callable[[], None] | None = ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(0)
            yield piece

    async def aclose(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()


class SoundNative(Sound):
    """Speaks every protocol that is installed here."""

    native: ClassVar[tuple[str, ...]] = ("messages", "responses", "chat")

    async def models(self) -> Sequence[Model]:
        return [Model("echo", native=frozenset(self.native))]

    async def forward(self, call: NativeCall) -> NativeReply:
        self.running += 1
        api = Plugins().api(call.api)
        request = api.decode(orjson.loads(call.body))
        pieces = self.pieces(api, request, call.stream)
        return NativeReply(200, STREAM if call.stream else WHOLE, Body(pieces, self.ended))

    def pieces(self, api: Api, request: ir.Request, stream: bool) -> list[bytes]:
        context, events = Context("0" * 32, 0, "echo"), self.events(request)
        if stream:
            encoder = api.encoder(request, context)
            return [encoder.feed(event) for event in events]
        return [orjson.dumps(api.document(request, [collect(events)], context))]

    def ended(self) -> None:
        self.running -= 1


class DeclaresWhatItHasNot(Sound):
    async def models(self) -> Sequence[Model]:
        return [Model("echo", native=frozenset({"chat"}))]


class DeclaresWhatNobodyHas(Sound):
    async def models(self) -> Sequence[Model]:
        return [Model("echo", native=frozenset({"telegraph"}))]


class SpeaksAnotherProtocol(SoundNative):
    native = ("messages",)

    def pieces(self, api: Api, request: ir.Request, stream: bool) -> list[bytes]:
        return super().pieces(Plugins().api("chat"), request, stream)


class StreamsAnotherProtocol(SoundNative):
    native = ("chat",)

    def pieces(self, api: Api, request: ir.Request, stream: bool) -> list[bytes]:
        return super().pieces(Plugins().api("messages") if stream else api, request, stream)


class NeverEnds(SoundNative):
    native = ("messages",)

    def pieces(self, api: Api, request: ir.Request, stream: bool) -> list[bytes]:
        pieces = super().pieces(api, request, stream)
        return pieces[:-1] if stream else pieces


class AlwaysStreams(SoundNative):
    native = ("chat",)

    async def forward(self, call: NativeCall) -> NativeReply:
        reply = await super().forward(call)
        return NativeReply(200, STREAM, reply.body)


class AnswersWithErrors(SoundNative):
    native = ("chat",)

    async def forward(self, call: NativeCall) -> NativeReply:
        self.running += 1
        return NativeReply(404, WHOLE, Body([b'{"error": "no such path"}'], self.ended))


class GoesOnWhenClosed(SoundNative):
    native = ("chat",)

    def ended(self) -> None:
        pass


class FallsOver(SoundNative):
    native = ("chat",)

    async def forward(self, call: NativeCall) -> NativeReply:
        raise KeyError(call.path)
