"""The composition root: a running set of providers, and the one path that every call takes.

HTTP and library mode are two faces of this one object. A call comes in as bytes or as a parsed
document, and goes out as a `Reply`: a whole document, or a stream of bytes whose head is final.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..canon import ir
from ..canon.errors import (
    InvalidRequest,
    NotFound,
    NotSupported,
    StackError,
    UnknownModel,
)
from ..contract.api import Api, Context, Document, Keeping, Operation
from ..contract.executor import Executor
from ..contract.losses import Ledger
from ..contract.provider import NativeCall, Provider
from ..contract.state import Records
from ..contract.store import Store
from . import (
    attaching,
    body,
    elsewhere,
    embedding,
    fallback,
    forwarding,
    keeping,
    orchestrating,
    translating,
)
from .asking import Asked
from .background import Background
from .call import Call, Reply
from .catalog import Catalog
from .detached import Detached
from .parts import started, stopped
from .plugins import Plugins
from .registry import Registry, Target
from .resolver import Route, resolve
from .sealing import Seals
from .sealing import opened as unsealed
from .sessions import Session
from .stateful import Stateful

if TYPE_CHECKING:
    from .config import Loaded, Source

__all__ = ["Call", "Reply", "Stack"]

logger = logging.getLogger("polystack")

SMALL = 4 << 10  # bytes of a body that may want no answer
OFF_LOOP = 1 << 20  # bytes of a body whose parsing would make everybody else wait


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
        self.executors: dict[str, Executor] = {}
        key = self.distribution.seals.key
        self._seals = Seals(None if key is None else key.get_secret_value())
        self._catalog = Catalog(self.distribution, self.providers)
        self._stateful = Stateful(self.distribution, self._document)

    @property
    def registry(self) -> Registry | None:
        """What the names stand for now; None while nothing runs."""
        return self._catalog.registry

    @property
    def store(self) -> Store | None:
        """What is kept beyond a call; None without one, and while nothing runs."""
        return self._stateful.store

    @property
    def background(self) -> Background:
        """The answers that are made whether anybody waits for them or not."""
        return self._stateful.background

    @classmethod
    def load(
        cls,
        source: Source,
        *,
        overrides: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        plugins: Plugins | None = None,
        providers: Sequence[type[Provider]] = (),
        executors: Sequence[type[Executor]] = (),
    ) -> Self:
        """A stack from a template's name, a file, a mapping or a `Distribution`.

        `overrides` are as `--set` has them, `env` is what `${env.NAME}` is looked up in, and
        `providers` and `executors` are classes of the program itself, which need no package.
        Raises `ConfigError`, in one line, for whatever is wrong with it.
        """
        from .config import load  # which takes pydantic, and that takes its time

        plugins = plugins or Plugins()
        for provider in providers:
            plugins.add(provider)
        for executor in executors:
            plugins.add_executor(executor)
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
        """Start the store, the executors, then the providers; no failure leaves one on.

        Raises `ConfigError`.
        """
        from .config import executor_config, provider_config, store_config

        self.apis = {name: self.plugins.api(name) for name in self.distribution.apis}
        try:
            if (kept := self.distribution.store) is not None:
                kind = self.plugins.store(kept.type)
                self._stateful.store = store = kind(store_config(self.loaded, kind))
                await started("the store", store)
            for name, named in self.distribution.executors.items():
                runs = self.plugins.executor(named.type)
                executor = runs(name, executor_config(self.loaded, name, runs))
                self.executors[name] = executor
                await started(f"executor {name!r}", executor)
            for name, entry in self.distribution.providers.items():
                cls = self.plugins.provider(entry.type)
                provider = cls(name, provider_config(self.loaded, name, cls))
                self.providers[name] = provider
                await started(f"provider {name!r}", provider)
            self._catalog = Catalog(self.distribution, self.providers)
            await self._catalog.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Break off the answers in the background; stop every provider, the last one first, then
        the executors and the store.

        One that fails to stop keeps no other from it.
        """
        await self.background.stop()
        await self._catalog.stop()
        for name, provider in reversed(list(self.providers.items())):
            await stopped(f"provider {name}", provider)
        self.providers.clear()
        for name, executor in reversed(list(self.executors.items())):
            await stopped(f"executor {name}", executor)
        self.executors.clear()
        store, self._stateful.store = self.store, None
        if store is not None:
            await stopped("the store", store)

    # What it is, and how it does -----------------------------------------------------------------

    def index(self) -> Document:
        """What is served: each API with the methods and paths of its operations."""
        apis = {api.name: [_shown(o) for o in api.operations] for api in self.apis.values()}
        shown = {"name": self.distribution.name, "apis": apis}
        return shown | {"default_model": self.distribution.default_model}

    def health(self) -> Document:
        """That it runs, and what each provider and the store say of themselves in numbers."""
        providers = {
            name: {"type": provider.type, **provider.status()}
            for name, provider in self.providers.items()
        }
        found: Document = {"status": "ok", "providers": providers}
        if self.executors:
            found["executors"] = {
                name: {"type": executor.type, **executor.status()}
                for name, executor in self.executors.items()
            }
        if self.store is not None:
            found["store"] = {"type": self.store.type, **self.store.status()}
        return found

    def models(self) -> Document:
        """Every model by its names; of those that are kept in this process, how they are."""
        return keeping.listed(self._catalog.current())

    async def load_model(self, name: str) -> Document:
        """Bring a model into memory, and tell how it is then; one that is there stays there.

        Raises `UnknownModel`, `NotSupported` for one that is kept elsewhere, and any other
        `StackError` for one that does not come.
        """
        return await keeping.load(await self.target(name))

    async def unload_model(self, name: str) -> Document:
        """Let a model go, until it is asked for again; raises `Conflict` for one that is busy."""
        return await keeping.unload(await self.target(name))

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
                return Reply(200, {}, api.models((await self._catalog.fresh()).models()))
            case "running":
                return Reply(200, {}, api.models(keeping.running(await self._catalog.fresh())))
            case "model":
                name = call.item or api.named(self._document(call))
                target = await self.target(name)
                return Reply(200, {}, api.model(replace(target.model, id=name)))
            case "about":
                return Reply(200, {}, api.about(version("polystack")))
            case "embed" | "rerank":
                return await self._embed(api, operation, call)
            case "state":
                return await self._state(api, operation, call)
            case "connect":
                raise NotSupported(f"{operation.path} is opened by a WebSocket, over HTTP only")
            case "count_tokens":
                return await self._count(api, operation, call)
            case "generate":
                if (wanted := self._wanted(api, operation, call)) is not None:
                    return await self._keep(api, operation, call, wanted)
                return await self._generate(api, operation, call)

    def _wanted(self, api: Api, operation: Operation, call: Call) -> Keeping | None:
        """What a call that wants no answer is for; such a one is small."""
        if not api.keeps or (isinstance(call.body, bytes) and len(call.body) > SMALL):
            return None
        return api.keeping(self._document(call), operation.name)

    async def _keep(self, api: Api, operation: Operation, call: Call, wanted: Keeping) -> Reply:
        target = await self.target(wanted.model)
        await keeping.keep(target, wanted.loaded)
        context = Context(call.token, int(time.time()), target.name)
        return Reply(200, {}, api.kept(wanted, operation.name, context))

    async def generate(self, request: ir.Request) -> AsyncGenerator[ir.Event, None]:
        """The events of one answer, with no protocol in between; close it to cancel the work.

        What fails before `Started` is raised as a `StackError`, what fails after it is a `Failed`
        event. A model that is strict about fidelity refuses what it would lose.
        """
        if request.sampling.n != 1:
            raise InvalidRequest("sampling.n: generate gives one answer; call it once for each")
        target = await self.target(request.model)
        failures: list[StackError] = []
        async for candidate in self._candidates(target):
            async with aclosing(self._generated(request, candidate)) as events:
                try:
                    first = await anext(events)
                except StackError as error:
                    if not fallback.leads_on(error):
                        raise
                    failures.append(error)
                    continue
                yield first
                async for event in events:
                    yield event
                return
        raise failures[0]

    def _generated(self, request: ir.Request, target: Target) -> AsyncGenerator[ir.Event, None]:
        return translating.generate(request, target, self._seals, self._runners)

    @property
    def _runners(self) -> Sequence[Executor]:
        return tuple(self.executors.values())

    async def _generate(self, api: Api, operation: Operation, call: Call) -> Reply:
        asked, target = await self._asked(api, operation, call)
        session = await self._stateful.session(api, operation, call, asked, target)
        attempt = partial(self._attempt, api, operation, call, asked, session, target)
        if isinstance(session, Detached):
            return await self._stateful.detached(api, session, attempt, call, target)
        return await attempt()

    async def _attempt(
        self,
        api: Api,
        operation: Operation,
        call: Call,
        asked: Asked,
        session: Session | None,
        target: Target,
    ) -> Reply:
        attempt = partial(self._answer, api, operation, call, asked, session)
        if not target.fallbacks:
            return await attempt(target)
        return await fallback.first_able(api, self._candidates(target), attempt)

    async def _candidates(self, target: Target) -> AsyncIterator[Target]:
        """The model and its fallbacks, each under the name that was asked for."""
        yield target
        for name in target.fallbacks:
            try:
                yield replace(await self.target(name), name=target.name)
            except UnknownModel as error:  # a server that is away now has no models
                logger.warning("a fallback of %s is not there: %s", target.name, error.message)

    async def _answer(
        self,
        api: Api,
        operation: Operation,
        call: Call,
        asked: Asked,
        session: Session | None,
        target: Target,
    ) -> Reply:
        route, native = self._route(api, operation, call, asked, target)
        settings = self.distribution.server
        records = self._stateful.records(call)
        if route.kind == "native" and session is None and await _names_files(asked, records):
            route = Route("rewritten", ["files"])
        if route.kind == "native" and native is not None and session is None:
            reply = await self._forward(api, operation, native, target, call)
            if reply is not None:
                return reply
            route = Route("rewritten", [operation.name])
        if route.kind == "rewritten" and session is None:
            session = await self._stateful.session(
                api, operation, call, asked, target, rewritten=True
            )
            if isinstance(session, Detached):
                attempt = partial(self._answer, api, operation, call, asked, session, target)
                return await self._stateful.detached(api, session, attempt, call, target)
        if route.kind == "native":
            route = Route("rewritten", ["kept"])  # no upstream knows what it goes on from
        wanted = asked.request if session is None else session.request
        request = _for_provider(wanted, api, call, target)
        return await translating.translate(
            api,
            request,
            target,
            route,
            call,
            settings,
            self._seals,
            records,
            session,
            self._runners,
        )

    async def _forward(
        self, api: Api, operation: Operation, native: NativeCall, target: Target, call: Call
    ) -> Reply | None:
        """What the upstream answers; None where it does not know what not every one has to."""
        forward = forwarding.forward_if_known if operation.optional else forwarding.forward
        settings = self.distribution.server
        return await forward(api, native, target.provider, settings, call.request_id)

    # What is kept --------------------------------------------------------------------------------

    async def _state(self, api: Api, operation: Operation, call: Call) -> Reply:
        try:
            return await self._stateful.serve(api, operation, call)
        except NotFound:
            if (reply := await self._elsewhere(api, operation, call)) is None:
                raise
            return reply

    async def _elsewhere(self, api: Api, operation: Operation, call: Call) -> Reply | None:
        """What the upstream says that alone can have kept an answer; None where there is none."""
        if api.state is None or operation.name not in api.state.elsewhere:
            return None
        keeper = elsewhere.keeper(api, self._catalog.current().targets(), self.providers)
        native = elsewhere.asked(api, operation, call)
        if keeper is None or native is None:
            return None
        settings = self.distribution.server
        return await forwarding.forward(api, native, keeper, settings, call.request_id)

    async def _count(self, api: Api, operation: Operation, call: Call) -> Reply:
        asked, target = await self._asked(api, operation, call)
        route, native = self._route(api, operation, call, asked, target)
        if route.kind == "native" and native is not None:
            reply = await self._forward(api, operation, native, target, call)
            if reply is not None:
                return reply
        wanted = asked.request
        if api.state is not None and api.state.touches(asked.raw):
            session = await self._stateful.session(api, operation, call, asked, target)
            wanted = wanted if session is None else session.request
        request = unsealed(_for_provider(wanted, api, call, target), self._seals, Ledger())
        translated = route.kind == "translated"
        request = await attaching.attached(
            request, self._stateful.records(call), Ledger(), translated
        )
        if translated:
            request = orchestrating.plain(request)
            request = await orchestrating.shown_to_model(request, self._runners)
        count = await target.provider.count_tokens(request)
        headers = {"x-stack-token-count": "estimated" if count.estimated else "exact"}
        return Reply(200, headers, api.count(count))

    async def _embed(self, api: Api, operation: Operation, call: Call) -> Reply:
        settings = self.distribution.server
        asked = Asked(api, operation, call, settings.max_depth)
        document = self._document(call)
        request = (
            api.decode_rerank(document)
            if operation.action == "rerank"
            else api.decode_embedding(document, operation.name)
        )
        target = await self.target(request.model)
        if api.name in target.model.native:
            native = forwarding.native_call(api, operation, call, asked, target)
            return await forwarding.forward(api, native, target.provider, settings, call.request_id)
        if isinstance(request, ir.RerankRequest):
            return await embedding.rerank(api, request, target)
        return await embedding.embed(api, request, target)

    def _document(self, call: Call) -> object:
        if isinstance(call.body, bytes):
            return body.parse(call.body, self.distribution.server.max_depth)
        return call.body

    async def target(self, model: str | None) -> Target:
        """What a model's name stands for; raises `UnknownModel`."""
        return await self._catalog.resolve(model)

    async def explain(self, api: str | Api, operation: str | Operation, call: Call) -> Explanation:
        """What would become of a call, without making it: its route, and what would be lost.

        What a strict route would refuse is listed like everything else.
        """
        api = self._api(api)
        operation = _operation(api, operation)
        asked, target = await self._asked(api, operation, call)
        route, native = self._route(api, operation, call, asked, target)
        if route.kind == "native" and native is not None:
            return Explanation(target, route, api.name, Ledger())
        request = _for_provider(asked.request, api, call, target)
        lenient = replace(target, fidelity="lenient")
        ready, losses = await translating.prepared(
            api, request, lenient, route, self._seals, self._stateful.records(call), self._runners
        )
        return Explanation(target, route, ready.api, losses)

    # What a call needs ---------------------------------------------------------------------------

    async def _asked(self, api: Api, operation: Operation, call: Call) -> tuple[Asked, Target]:
        asked = Asked(api, operation, call, self.distribution.server.max_depth)
        guessed = self._guessed(asked)
        likely = guessed is not None and api.name in guessed.model.native
        if isinstance(call.body, bytes) and len(call.body) > OFF_LOOP:
            await asyncio.to_thread(asked.read, likely)
        else:
            asked.read(likely)
        target = guessed
        if target is None or target.name != asked.model:
            target = await self.target(asked.model)
        return asked, target

    def _route(
        self, api: Api, operation: Operation, call: Call, asked: Asked, target: Target
    ) -> tuple[Route, NativeCall | None]:
        if api.name not in target.model.native:
            return Route("translated"), None
        native = forwarding.native_call(api, operation, call, asked, target)
        return resolve(api, target, native), native

    def _guessed(self, asked: Asked) -> Target | None:
        """What a glance at a call takes for its target, if its name is settled."""
        registry, name = self._catalog.current(), asked.guess()
        if name is None or not registry.settled(name):
            return None
        return registry.resolve(name)

    def _api(self, api: str | Api) -> Api:
        if isinstance(api, Api):
            return api
        if api not in self.apis:
            raise InvalidRequest(
                f"api {api!r} is not served; this stack has {', '.join(self.apis)}"
            )
        return self.apis[api]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a call would go: to which model, by which route, asked in which protocol, losing what.

    `api` is empty for a model that is asked in no protocol, since it runs in this process.
    """

    target: Target
    route: Route
    api: str
    losses: Ledger


def _shown(operation: Operation) -> str:
    kind = " (WebSocket)" if operation.action == "connect" else ""
    return f"{operation.method} {operation.path}{kind}"


def _operation(api: Api, operation: str | Operation) -> Operation:
    if isinstance(operation, Operation):
        return operation
    for known in api.operations:
        if known.name == operation:
            return known
    names = ", ".join(known.name for known in api.operations)
    raise InvalidRequest(f"{api.title} has no operation {operation!r}; it has {names}")


async def _names_files(asked: Asked, records: Records) -> bool:
    """Whether a call names files that are kept here, of which no upstream knows."""
    if not records.keeps or attaching.MARK not in asked.raw:
        return False
    return await attaching.any_kept(asked.request, records)


def _for_provider(request: ir.Request, api: Api, call: Call, target: Target) -> ir.Request:
    """The request under the name that the provider gave the model."""
    headers = forwarding.protocol_headers(api, call.headers)
    return replace(request, model=target.model.id, headers=headers)
