"""A call that goes through the canonical model: prepared, run, and encoded for its client."""

from __future__ import annotations

import logging
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Collection,
    Sequence,
)
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Self

from ..canon import ir
from ..canon.collect import Collector
from ..canon.errors import InvalidRequest, NotSupported, StackError
from ..contract.api import Api, Context, Encoder
from ..contract.executor import Executor
from ..contract.losses import DROPS, HEADER, Ledger, fidelity
from ..contract.provider import Prepared
from ..contract.state import Records
from . import attaching, compacting, orchestrating, shortening, warming
from .call import Call, Reply
from .pump import Pump, Stage, fold
from .registry import Target
from .resolver import Route
from .sealing import Sealing, Seals, opened
from .sessions import Session

if TYPE_CHECKING:
    from .distribution import ServerConfig

logger = logging.getLogger("polystack")


async def prepared(
    api: Api,
    request: ir.Request,
    target: Target,
    route: Route,
    seals: Seals,
    records: Records,
    executors: Sequence[Executor] = (),
) -> tuple[Prepared, Ledger]:
    """The request as the provider will run it, and what is lost; raises where none may be."""
    losses = Ledger()
    translated = route.kind == "translated"
    if not translated:
        executors = ()  # the upstream runs its own server tools
    request = await attaching.attached(request, records, losses, translated)
    request = orchestrating.plain(request) if translated else request
    if request.compacts:
        request = compacting.asked(request)
    return await _prepared(request, target, seals, losses, executors, api.handles)


async def _prepared(
    request: ir.Request,
    target: Target,
    seals: Seals,
    losses: Ledger,
    executors: Sequence[Executor],
    handled: Collection[str] = (),
) -> tuple[Prepared, Ledger]:
    request = opened(request, seals, losses)
    provider = target.provider

    def prepare(wanted: ir.Request) -> Awaitable[Prepared]:
        return orchestrating.prepared(provider, wanted, executors)

    if request.truncates:
        ready = await shortening.prepared(provider, request, losses, prepare)
        if ready.api not in ("", request.origin):
            losses.dropped("truncation", "the upstream refuses a conversation that is too long")
    else:
        ready = await prepare(request)
    losses.add(*(loss for loss in ready.losses if loss.path.split(".")[0] not in handled))
    if target.fidelity == "strict":
        refuse_drops(losses)
    return ready, losses


async def generate(
    request: ir.Request, target: Target, seals: Seals, executors: Sequence[Executor] = ()
) -> AsyncGenerator[ir.Event, None]:
    """One answer as canonical events, checked; what fails before `Started` is raised."""
    if request.compacts:
        raise InvalidRequest("compacts: a conversation in brief is for clients of a protocol")
    request = orchestrating.plain(replace(request, model=target.model.id))
    ready, _ = await _prepared(request, target, seals, Ledger(), executors)
    pump, started = Pump([ready.run(0)]), False
    try:
        while True:
            for _, event in await pump.take():
                if isinstance(event, ir.Failed) and not started:
                    raise event.error
                started = started or isinstance(event, ir.Started)
                yield event
                if isinstance(event, ir.Finished | ir.Failed):
                    return
    finally:
        await pump.aclose()


async def translate(
    api: Api,
    request: ir.Request,
    target: Target,
    route: Route,
    call: Call,
    settings: ServerConfig,
    seals: Seals,
    records: Records,
    session: Session | None = None,
    executors: Sequence[Executor] = (),
) -> Reply:
    asked = request if call.generate else warming.briefest(request)
    try:
        ready, losses = await prepared(api, asked, target, route, seals, records, executors)
    except InvalidRequest:
        if call.generate:
            raise
        ready, losses = warming.unread(target.name), Ledger()
    shown = {} if session is None else session.opened.shown
    created = int(time.time()) if session is None else session.created
    clock = cache(lambda: int(time.time()))  # what is kept and what is shown tell the same time
    context = Context(call.token, created, target.name, losses, shown, clock)
    headers = {HEADER: fidelity(losses), "x-stack-route": str(route)}
    if call.generate:
        runs = [ready.run(choice) for choice in range(request.sampling.n)]
    else:
        warms = target.provider.warms
        runs = [warming.read(ready.run(0)) if warms else warming.nothing(target.name)]
    stages: list[Stage] = []
    if request.compacts and call.generate:
        stages = [compacting.Compacting(seals, api.compacted).feed for _ in runs]
    elif api.opaque is not None and _is_marked(api, ready):
        origin = target.provider.name
        stages = [Sealing(api.opaque, origin, seals, losses).feed for _ in runs]
    if request.stream:
        pump = Pump(runs, stages=stages)
        return await _streamed(api, request, context, pump, headers, settings, session)
    if len(runs) == 1:
        responses = [await _alone(runs[0], *stages)]
    else:
        responses = await _together(Pump(runs, stages=stages), len(runs))
    document = api.document(request, responses, context)
    if session is not None:
        await session.keep(document, responses[0])
    _log_losses(context)
    return Reply(200, {**headers, HEADER: fidelity(context.losses)}, document)


def _is_marked(api: Api, ready: Prepared) -> bool:
    """Whether thoughts bear marks that the client cannot give back as they are.

    Engines in this process make none. In the upstream's own protocol a signature passes; a sealed
    thought does not, since it goes with an id that our answer has another one for.
    """
    return ready.api != "" and (ready.api != api.name or api.opaque == "sealed")


async def _alone(run: AsyncIterator[ir.Event], stage: Stage | None = None) -> ir.Response:
    collector = Collector()
    await fold(run, collector, stage)
    return collector.response()


async def _together(pump: Pump, unfinished: int) -> list[ir.Response]:
    folds = [Collector() for _ in range(unfinished)]
    try:
        while unfinished:
            for choice, event in await pump.take():
                folds[choice].feed(event)
                unfinished -= isinstance(event, ir.Finished)
    finally:
        await pump.aclose()
    return [fold.response() for fold in folds]


async def _streamed(
    api: Api,
    request: ir.Request,
    context: Context,
    pump: Pump,
    headers: dict[str, str],
    settings: ServerConfig,
    session: Session | None,
) -> Reply:
    try:
        first = await pump.take(settings.first_event_timeout)
        for _, event in first:
            if isinstance(event, ir.Failed):
                raise event.error
            if isinstance(event, ir.Started):
                break
        encoder = api.encoder(request, context)
    except BaseException:
        await pump.aclose()
        raise
    count, keep_alive = request.sampling.n, settings.keep_alive
    stream = _chunks(encoder, pump, first, context, count, keep_alive, session)
    headers = {**headers, "content-type": encoder.content_type, "cache-control": "no-cache"}
    return Reply(200, headers, stream=_Closing(stream, pump))


async def _chunks(
    encoder: Encoder,
    pump: Pump,
    events: Sequence[tuple[int, ir.Event]],
    context: Context,
    unfinished: int,
    keep_alive: float,
    session: Session | None,
) -> AsyncIterator[bytes]:
    while True:
        events = events or [(0, ir.Ping())]
        if session is not None:
            events = await session.watch(events, context)
        try:
            chunk = b"".join([encoder.feed(event, choice) for choice, event in events])
        except Exception:
            logger.exception("an answer could not be encoded")
            error = StackError("the answer could not be encoded; see the server's log")
            if session is not None:
                session.failed(error)
            yield encoder.feed(ir.Failed(error))
            return
        if chunk:
            yield chunk
        unfinished -= sum(isinstance(event, ir.Finished) for _, event in events)
        if not unfinished or any(isinstance(event, ir.Failed) for _, event in events):
            _log_losses(context)
            return
        events = await pump.take(keep_alive)


class _Closing:
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


def _log_losses(context: Context) -> None:
    for loss in context.losses:
        logger.info("req_%s %s %s: %s", context.token, loss.verdict, loss.path, loss.why)


def refuse_drops(losses: Ledger) -> None:
    """What a strict route does with a request that would lose something."""
    for loss in losses:
        if loss.verdict in DROPS:
            raise NotSupported(
                f"{loss.path}: {loss.why}, and this route is strict about fidelity; leave it out, "
                "or set the model's fidelity to lenient",
                param=loss.path,
            )
