"""A remote server as a provider: what it speaks passes through, the rest is translated."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import ClassVar

import orjson

from ...core.canon import ir
from ...core.canon.errors import NotFound, StackError, UpstreamError
from ...core.contract.api import Document
from ...core.contract.provider import (
    ConfigModel,
    Model,
    NativeCall,
    NativeReply,
    Prepared,
    Provider,
    TokenCount,
)
from . import embedding, upstream
from .answer import begin, document, error_of, events
from .config import ModelConfig, RemoteConfig
from .estimate import estimated_tokens
from .fitting import Fitted, fit
from .listing import models_of
from .objections import objections
from .sending import Outgoing, Sending
from .transport import Answer, Timeouts
from .transport.choice import transport

logger = logging.getLogger("polystack")

LISTING = Timeouts(connect=2.0, first_byte=5.0, idle=5.0, total=10.0)
UNKNOWN = ModelConfig()
COUNTING = Timeouts(first_byte=10.0, idle=10.0, total=15.0)


class Remote(Provider):
    """The base of every remote provider; a subclass sets `type` and the defaults of `Config`."""

    Config: ClassVar[ConfigModel] = RemoteConfig
    lazy: ClassVar[bool] = True
    config: RemoteConfig

    def __init__(self, name: str, config: RemoteConfig) -> None:
        super().__init__(name, config)
        self._sending: Sending | None = None
        self._running = 0

    async def start(self) -> None:
        """Opens no connection: a server that is down fails the calls to it, and nothing else."""
        opened = transport(self.config.tls.settings(), self.config.proxy)
        self._sending = Sending(self.config, opened)

    async def stop(self) -> None:
        if self._sending is not None:
            await self._sending.aclose()
            self._sending = None

    def status(self) -> Mapping[str, int]:
        status = {"running": self._running}
        if self._sending is not None and len(self._sending.keys) > 1:
            status |= {"keys": len(self._sending.keys), "resting": self._sending.keys.resting}
        return status

    # Models --------------------------------------------------------------------------------------

    async def models(self) -> Sequence[Model]:
        """The server's own list, and the models that the configuration names without a pattern."""
        named = [id for id in self.config.models if not any(sign in id for sign in "*?[")]
        listed = await self._listed() if self.config.discover else []
        found = {id: Model(id, owner=self.name) for id in named}
        found |= {model.id: model for model in listed}
        return [self._known(model) for model in found.values()]

    async def _listed(self) -> list[Model]:
        api = self.config.native[0]
        asked = Outgoing("GET", upstream.LISTING, api, {}, b"", False)
        answer = await self._send(asked, LISTING)
        try:
            if answer.status >= 300:
                raise await error_of(upstream.APIS[api], answer)
            return models_of(document(await answer.read(16 << 20)), self.name)
        finally:
            await answer.aclose()

    def offer(self, id: str) -> Model | None:
        return self._known(Model(id, owner=self.name))

    def _known(self, model: Model) -> Model:
        """A model with what the configuration says of it."""
        known = self._configured(model.id)
        return replace(
            model,
            native=frozenset(known.native or self.config.native),
            context_window=known.context_window or model.context_window,
            max_output=known.max_output or model.max_output,
        )

    def _configured(self, id: str) -> ModelConfig:
        patterns = self.config.models
        matching = (entry for pattern, entry in patterns.items() if fnmatchcase(id, pattern))
        return patterns.get(id) or next(matching, UNKNOWN)

    # Passing through -----------------------------------------------------------------------------

    def objections(self, call: NativeCall) -> Sequence[str]:
        return objections(call, self.config.traits)

    async def forward(self, call: NativeCall) -> NativeReply:
        timeouts = self.config.timeouts.of(call.stream)
        path = f"{call.path}?{call.query}" if call.query else call.path
        asked = Outgoing(call.method, path, call.api, call.headers, call.body, call.stream)
        answer = await self._send(asked, timeouts)
        if answer.status in (401, 402, 403) or 300 <= answer.status < 400:
            try:
                raise await error_of(upstream.APIS[call.api], answer)
            finally:
                await answer.aclose()
        self._running += 1
        return NativeReply(answer.status, answer.headers, _Body(answer, self._ended))

    def _ended(self) -> None:
        self._running -= 1

    # Translating ---------------------------------------------------------------------------------

    async def prepare(self, request: ir.Request) -> Prepared:
        api = upstream.APIS[self._speaking(request)]
        fitted = fit(request, api.name, self.config.traits, self.name)
        body, losses = api.encode(fitted.request, request.model or "")
        headers = request.headers if request.origin == api.name else {}
        path, stream = upstream.PATHS[api.name], request.stream
        sent = Outgoing("POST", path, api.name, headers, orjson.dumps(body), stream)
        estimate = estimated_tokens(body, sent.body) if stream else 0

        def run(choice: int) -> AsyncIterator[ir.Event]:
            return self._run(fitted, sent, estimate)

        return Prepared(run, [*fitted.losses, *losses], api.name)

    def _speaking(self, request: ir.Request) -> str:
        """The protocol that the server is asked in: the client's own, or its first."""
        native = self._configured(request.model or "").native or self.config.native
        return request.origin if request.origin in native else native[0]

    async def _run(
        self, fitted: Fitted, outgoing: Outgoing, estimate: int
    ) -> AsyncIterator[ir.Event]:
        api = upstream.APIS[outgoing.api]
        self._running += 1
        answer: Answer | None = None
        try:
            answer = await self._send(outgoing, self.config.timeouts.of(outgoing.stream))
            if not 200 <= answer.status < 300:
                raise await error_of(api, answer)
            # Where no name was changed there is none to restore.
            restore, begun = fitted.restore() if fitted.known else None, False
            async with aclosing(events(api, answer)) as batches:
                async for batch in batches:
                    if not begun:
                        batch = begin(batch, estimate)
                        begun = bool(batch)
                    for event in batch:
                        for shown in restore.feed(event) if restore is not None else (event,):
                            yield shown
        finally:
            self._running -= 1
            if answer is not None:
                await answer.aclose()

    # Counting ------------------------------------------------------------------------------------

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        """By the server's own endpoint where it has one, else a marked estimate."""
        name = self._speaking(request)
        fitted = fit(request, name, self.config.traits, self.name)
        body, _ = upstream.APIS[name].encode(fitted.request, request.model or "")
        if name in upstream.COUNTING:
            try:
                return await self._counted(name, _countable(name, body), request.headers)
            except StackError as error:
                if isinstance(error, NotFound):
                    logger.debug("%s does not count tokens", self.name)
                else:
                    logger.warning("%s could not count tokens: %s", self.name, error.message)
        return TokenCount(estimated_tokens(body, orjson.dumps(body)), estimated=True)

    async def _counted(self, name: str, body: Document, headers: Mapping[str, str]) -> TokenCount:
        path, sent = upstream.COUNTING[name], orjson.dumps(body)
        asked = Outgoing("POST", path, name, headers, sent, False)
        answer = await self._send(asked, COUNTING)
        try:
            if answer.status >= 300:
                raise await error_of(upstream.APIS[name], answer)
            counted = document(await answer.read(1 << 20))
        finally:
            await answer.aclose()
        tokens = counted.get("input_tokens") if isinstance(counted, dict) else None
        if not isinstance(tokens, int):
            raise UpstreamError("the upstream's count of tokens makes no sense")
        return TokenCount(tokens)

    # Embeddings ----------------------------------------------------------------------------------

    async def embed(self, request: ir.EmbeddingRequest) -> ir.Embeddings:
        native = self._configured(request.model or "").native or self.config.native
        if embedding.API not in native:
            return await super().embed(request)
        body = orjson.dumps(embedding.body(request))
        asked = Outgoing("POST", embedding.PATH, embedding.API, {}, body, False)
        answer = await self._send(asked, self.config.timeouts.of(False))
        try:
            if answer.status >= 300:
                raise await error_of(upstream.APIS[embedding.API], answer)
            return embedding.embeddings(document(await answer.read(64 << 20)))
        finally:
            await answer.aclose()

    async def _send(self, outgoing: Outgoing, timeouts: Timeouts) -> Answer:
        if self._sending is None:
            raise StackError(f"provider {self.name!r} is not running")
        return await self._sending.send(outgoing, timeouts)


class _Body:
    """The body of an answer that passes through; no generator, since closing one that was never

    read would not close the answer.
    """

    def __init__(self, answer: Answer, ended: Callable[[], None]) -> None:
        self._answer = answer
        self._ended: Callable[[], None] | None = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.chunks()

    async def aclose(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
            await self._answer.aclose()


# What Messages' endpoint for counting takes, of a request's fields.
_COUNTED = (
    "model messages system tools tool_choice thinking output_config context_management"
    " mcp_servers speed cache_control"
).split()
_RESPONSES_COUNTED = (
    "model input instructions tools tool_choice text reasoning truncation parallel_tool_calls"
    " conversation previous_response_id"
).split()


def _countable(name: str, body: Document) -> Document:
    wanted = _COUNTED if name == "messages" else _RESPONSES_COUNTED
    return {field: body[field] for field in wanted if field in body}
