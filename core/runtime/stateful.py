"""Calls that go on from something, that leave something behind, or that are about what is kept.

Of what is kept an Api knows the meaning (`core/contract/state.py`); which tenant's records a call
may see, for how long they stay and who works on an answer in the background is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ..canon.errors import InvalidRequest
from ..contract.api import Api, Context, Operation
from ..contract.state import Asking, Records, State, Watched
from ..contract.store import Store
from .asking import Asked
from .background import Attempt, Background
from .call import Call, Reply
from .detached import Detached
from .following import following
from .memory import Remembering
from .records import Kept, Nothing
from .registry import Target
from .sessions import Session

if TYPE_CHECKING:
    from .distribution import Distribution

CONTENT = {"content-type": "application/octet-stream", "x-content-type-options": "nosniff"}


class Stateful:
    """What a stack keeps for its clients; without a `store` only their connections remember."""

    def __init__(self, distribution: Distribution, parse: Callable[[Call], object]) -> None:
        self.store: Store | None = None
        self._distribution = distribution
        self._parse = parse
        kept = distribution.store
        self.background = Background(1 if kept is None else kept.background)

    def records(self, call: Call) -> Records:
        """What is kept that a call can see."""
        records: Records = Nothing()
        if self.store is not None and self._distribution.store is not None:
            records = Kept(self.store, call.tenant, self._distribution.store.keep)
        return records if call.memory is None else Remembering(call.memory, records)

    async def session(
        self,
        api: Api,
        operation: Operation,
        call: Call,
        asked: Asked,
        target: Target,
        rewritten: bool = False,
    ) -> Session | None:
        """What a call goes on from, and how its answer is kept; None where that is not our task.

        An upstream that speaks this protocol keeps its answers itself: only what goes on from one
        of ours is ours to answer, and what is `rewritten`, since its answer bears an id of ours. A
        name that nobody here knows may be one of the upstream's.
        """
        state, native = api.state, api.name in target.model.native and not rewritten
        ours = call.memory is not None  # no upstream knows what a connection remembers
        if state is None or (native and not ours and not state.touches(asked.raw)):
            return None
        try:
            document = asked.document
        except InvalidRequest:
            if native and not ours:
                return None  # what cannot be read is the upstream's to judge
            raise
        asking = replace(self._asking(call, document), operation=operation.name)
        opened = await state.open(asking)
        if opened.unknown is not None:
            if native and not target.fallbacks and call.generate:
                return None
            raise opened.unknown
        if native and not ours and not opened.continues:
            return None
        kind = Detached if opened.background else Session
        return kind(api, state, asking, opened, call.reading(operation))

    async def detached(
        self, api: Api, session: Detached, attempt: Attempt, call: Call, target: Target
    ) -> Reply:
        """Have an answer made in the background; the client gets its beginning, or follows it."""
        context = Context(
            call.token, session.created, target.name, shown=dict(session.opened.shown)
        )
        record, answer = session.begun(context)
        await self.background.start(session, record, attempt)
        if not session.streamed:
            return Reply(200, {}, answer)
        watched = Watched(record.id, record.document)
        return await self._following(api, session.state, session.asking, watched)

    async def serve(self, api: Api, operation: Operation, call: Call) -> Reply:
        """Answer a call about what is kept; raises `NotFound` for what is not."""
        assert api.state is not None, "an Api that declares the action has a state"
        kind = call.headers.get("content-type", "")
        is_form = isinstance(call.body, bytes) and kind.startswith("multipart/")
        document = self._parse(call) if call.body and not is_form else None
        asking = self._asking(call, document)
        if isinstance(call.body, bytes) and is_form:
            asking = replace(asking, body=call.body, content_type=kind)
        if (watched := await api.state.watched(operation.name, asking)) is not None:
            return await self._following(api, api.state, asking, watched)
        answer = await api.state.serve(operation.name, asking)
        if operation.method != "GET":
            self.background.look()
        if isinstance(answer, bytes):
            return Reply(200, CONTENT, body=answer)
        return Reply(200, {}, answer)

    async def _following(self, api: Api, state: State, asking: Asking, watched: Watched) -> Reply:
        keep_alive, pace = self._distribution.server.keep_alive, self.background.pace
        return await following(api, state, asking, watched, pace, keep_alive)

    def _asking(self, call: Call, document: object) -> Asking:
        query: dict[str, str] = {}
        for name, value in parse_qsl(call.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        now, records = int(self.background.pace.now()), self.records(call)
        asking = Asking(records, call.token, now, document, call.items, query)
        if (kept := self._distribution.store) is not None:
            asking = replace(asking, max_file=kept.max_file, lifetime=kept.keep)
        return asking
