"""The composition root: a running set of providers, and the one path that every call takes.

HTTP and library mode are two faces of this one object. A call comes in as bytes or as a parsed
document, and goes out as a `Reply`: a whole document, or a stream of bytes whose head is final.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..canon import ir
from ..canon.collect import Collector
from ..canon.errors import ConfigError, InvalidRequest, NotSupported, StackError
from ..contract.api import Api, Context, Document, Encoder, Operation
from ..contract.losses import HEADER, Ledger, fidelity
from ..contract.provider import Model, Prepared, Provider
from . import body as json_body
from .config import Loaded, load, provider_config
from .plugins import Plugins
from .pump import Pump
from .registry import Registry, Target
from .resolver import resolve

logger = logging.getLogger("polystack")

OFF_LOOP = 1 << 20  # bytes of a body whose parsing would make everybody else wait


@dataclass(frozen=True, slots=True)
class Call:
    """What a client sent: a body as bytes or parsed, headers in lower case, the path's `{id}`."""

    body: bytes | Document = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    item: str = ""
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def request_id(self) -> str:
        return f"req_{self.token}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets: `document` of a whole answer, or `stream` of its bytes.

    A stream must be closed by its reader, early or not; that cancels the work behind it.
    """

    status: int
    headers: Mapping[str, str]
    document: Document | None = None
    stream: AsyncIterator[bytes] | None = None


class Stack:
    """Providers and protocols of one distribution, from `start` to `stop`.

    ```python
    async with Stack.load("starter.yaml") as stack:
        reply = await stack.handle("messages", "create", {"model": "tiny", ...})
    ```
    """

    def __init__(self, loaded: Loaded, plugins: Plugins | None = None) -> None:
        self.loaded = loaded
        self.distribution = loaded.distribution
        self.plugins = plugins or Plugins()
        self.apis: dict[str, Api] = {}
        self.providers: dict[str, Provider] = {}
        self.registry: Registry | None = None

    @classmethod
    def load(
        cls,
        source: str | Path | Mapping[str, Any],
        *,
        overrides: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        plugins: Plugins | None = None,
    ) -> Stack:
        """A stack from a template's name, a file or a mapping; raises `ConfigError`."""
        plugins = plugins or Plugins()
        env = os.environ if env is None else env
        return cls(load(source, plugins=plugins, overrides=overrides, env=env), plugins)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Load the plugins, start every provider; raises `ConfigError` and leaves nothing on."""
        self.apis = {name: self.plugins.api(name) for name in self.distribution.apis}
        try:
            for name, entry in self.distribution.providers.items():
                cls = self.plugins.provider(entry.type)
                provider = cls(name, provider_config(self.loaded, name, cls))
                self.providers[name] = provider
                await self._guarded(name, provider)
            offers = {name: await p.models() for name, p in self.providers.items()}
            self.registry = Registry(self.distribution, self.providers, offers)
        except BaseException:
            await self.stop()
            raise

    async def _guarded(self, name: str, provider: Provider) -> None:
        try:
            await provider.start()
        except StackError:
            raise
        except Exception as error:
            logger.debug("provider %s failed to start", name, exc_info=True)
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(f"provider {name!r} failed to start: {reason}") from error

    async def stop(self) -> None:
        """Stop every provider, the last one first; one that fails to stop stops nothing else."""
        for name, provider in reversed(list(self.providers.items())):
            try:
                await provider.stop()
            except Exception:
                logger.exception("provider %s failed to stop", name)
        self.providers.clear()
        self.registry = None

    # Calls ---------------------------------------------------------------------------------------

    async def handle(
        self, api: str | Api, operation: str | Operation, call: Call | Document
    ) -> Reply:
        """Answer one call; raises `StackError` for what fails before the first byte."""
        api = self._api(api)
        operation = _operation(api, operation)
        call = call if isinstance(call, Call) else Call(call)
        match operation.action:
            case "models":
                return Reply(200, {}, api.models(self._running().models()))
            case "model":
                return Reply(200, {}, api.model(self._running().model(call.item)))
            case "count_tokens":
                return await self._count(api, operation, call)
            case "generate":
                return await self._generate(api, operation, call)

    async def _count(self, api: Api, operation: Operation, call: Call) -> Reply:
        request, target = await self._decoded(api, operation, call)
        count = await target.provider.count_tokens(request)
        headers = {"x-stack-token-count": "estimated" if count.estimated else "exact"}
        return Reply(200, headers, api.count(count))

    async def _generate(self, api: Api, operation: Operation, call: Call) -> Reply:
        request, target = await self._decoded(api, operation, call)
        prepared = await target.provider.prepare(request)
        losses = _request_losses(api, prepared)
        if target.fidelity == "strict":
            _refuse_drops(losses)
        context = Context(call.token, int(time.time()), target.name, losses)
        headers = {HEADER: fidelity(losses), "x-stack-route": resolve(api, target).kind}
        pump = Pump([prepared.run(choice) for choice in range(request.sampling.n)])
        if request.stream:
            return await self._streamed(api, request, context, pump, headers)
        return await self._whole(api, request, context, pump, headers)

    async def _whole(
        self,
        api: Api,
        request: ir.Request,
        context: Context,
        pump: Pump,
        headers: dict[str, str],
    ) -> Reply:
        folds = [Collector() for _ in range(request.sampling.n)]
        unfinished = len(folds)
        try:
            while unfinished:
                for choice, event in await pump.take():
                    folds[choice].feed(event)
                    unfinished -= isinstance(event, ir.Finished)
        finally:
            await pump.aclose()
        document = api.document(request, [fold.response() for fold in folds], context)
        _log_losses(context)
        return Reply(200, {**headers, HEADER: fidelity(context.losses)}, document)

    async def _streamed(
        self,
        api: Api,
        request: ir.Request,
        context: Context,
        pump: Pump,
        headers: dict[str, str],
    ) -> Reply:
        try:
            first = await pump.take(self.distribution.server.first_event_timeout)
            for _, event in first:
                if isinstance(event, ir.Failed):
                    raise event.error
                if isinstance(event, ir.Started):
                    break
            encoder = api.encoder(request, context)
        except BaseException:
            await pump.aclose()
            raise
        stream = self._chunks(encoder, pump, first, context, request.sampling.n)
        headers = {**headers, "content-type": encoder.content_type, "cache-control": "no-cache"}
        return Reply(200, headers, stream=_Started(stream, pump))

    async def _chunks(
        self,
        encoder: Encoder,
        pump: Pump,
        events: list[tuple[int, ir.Event]],
        context: Context,
        unfinished: int,
    ) -> AsyncIterator[bytes]:
        while True:
            events = events or [(0, ir.Ping())]
            try:
                chunk = b"".join([encoder.feed(event, choice) for choice, event in events])
            except Exception:
                logger.exception("an answer could not be encoded")
                error = StackError("the answer could not be encoded; see the server's log")
                yield encoder.feed(ir.Failed(error))
                return
            if chunk:
                yield chunk
            unfinished -= sum(isinstance(event, ir.Finished) for _, event in events)
            if not unfinished or any(isinstance(event, ir.Failed) for _, event in events):
                _log_losses(context)
                return
            events = await pump.take(self.distribution.server.keep_alive)

    # What a call needs ---------------------------------------------------------------------------

    async def _decoded(
        self, api: Api, operation: Operation, call: Call
    ) -> tuple[ir.Request, Target]:
        if isinstance(call.body, bytes) and len(call.body) > OFF_LOOP:
            request = await asyncio.to_thread(self._read, api, operation, call.body)
        else:
            request = self._read(api, operation, call.body)
        target = self._running().resolve(request.model)
        _refuse_file_ids(request)
        return _for_provider(request, target.model), target

    def _read(self, api: Api, operation: Operation, body: bytes | Document) -> ir.Request:
        document: object = body
        if isinstance(body, bytes):
            document = json_body.parse(body, self.distribution.server.max_depth)
        return api.decode(document, operation.name)

    def _running(self) -> Registry:
        if self.registry is None:
            raise StackError("the stack is not running; use 'async with stack'")
        return self.registry

    def _api(self, api: str | Api) -> Api:
        if isinstance(api, Api):
            return api
        if api not in self.apis:
            raise InvalidRequest(
                f"api {api!r} is not served; this stack has {', '.join(self.apis)}"
            )
        return self.apis[api]


class _Started:
    """A stream that lets go of its pump even where it is closed before its first chunk."""

    def __init__(self, chunks: AsyncIterator[bytes], pump: Pump) -> None:
        self._chunks = chunks
        self._pump = pump

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            await self._pump.aclose()
            raise

    async def aclose(self) -> None:
        await self._pump.aclose()


def _operation(api: Api, operation: str | Operation) -> Operation:
    if isinstance(operation, Operation):
        return operation
    for known in api.operations:
        if known.name == operation:
            return known
    names = ", ".join(known.name for known in api.operations)
    raise InvalidRequest(f"{api.title} has no operation {operation!r}; it has {names}")


def _for_provider(request: ir.Request, model: Model) -> ir.Request:
    """The request under the name that the provider gave the model."""
    return replace(request, model=model.id)


def _request_losses(api: Api, prepared: Prepared) -> Ledger:
    ledger = Ledger()
    ledger.add(*(loss for loss in prepared.losses if loss.path.split(".")[0] not in api.handles))
    return ledger


def _log_losses(context: Context) -> None:
    for loss in context.losses:
        logger.info("req_%s %s %s: %s", context.token, loss.verdict, loss.path, loss.why)


def _refuse_drops(losses: Ledger) -> None:
    for loss in losses:
        if loss.verdict in ("dropped", "refused"):
            raise NotSupported(
                f"{loss.path}: {loss.why}, and this route is strict about fidelity; leave it out, "
                "or set the model's fidelity to lenient",
                param=loss.path,
            )


def _refuse_file_ids(request: ir.Request) -> None:
    for part in _leaves(part for turn in request.turns for part in turn.parts):
        if isinstance(part, ir.Media) and part.file_id is not None:
            raise InvalidRequest(
                f"{part.at}: file {part.file_id!r} cannot be read, since this stack has no files "
                "store; send the content inline, as base64",
                param=part.at,
            )


def _leaves(parts: Iterable[ir.Part]) -> Iterator[ir.Part]:
    for part in parts:
        if isinstance(part, ir.ToolResult):
            yield from part.content
        else:
            yield part
