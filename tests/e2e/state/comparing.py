"""What random sequences of calls need: a stack, the rules beside it, and things to choose from."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from polystack.core.runtime.stack import Stack

from .echoing import PAUSE, Answer, Echo, running, shown
from .rules import RUNS, Refused, Response, Rules

T = TypeVar("T")

TENANTS = ("ann", "bob", "cyd")
NOWHERE = {"response": "resp_nowhere", "talk": "conv_nowhere", "item": "msg_nowhere"}
UNENDED = ("queued", "in_progress")
One = tuple[str, int]  # how to choose one of many


class Comparing(RuleBasedStateMachine):
    configured: ClassVar[Stack]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        self.echo: Echo = self.run(self.open.enter_async_context(running(self.configured)))
        self.tenants: dict[str, Rules] = defaultdict(Rules)
        self.owner: dict[str, str] = {}  # of a response, a conversation or an item, by its id
        self.texts: dict[str, str] = {}  # of an item, by its id
        self.numbers: dict[str, str] = {}  # of a response in the background, by its id
        self.seen: dict[str, list[Any]] = {}  # events of a response, by its id
        self.made: dict[str, list[str]] = {"response": [], "talk": [], "item": []}
        self.count = 0

    def teardown(self) -> None:
        for id in self.made["response"]:
            self.check_response(id, self.owner[id])
        self.run(self.open.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(work, 20))

    def ask(self, tenant: str, call: str, body: Any = None, **more: Any) -> Answer:
        return self.run(self.echo.ask(tenant, call, body, **more))

    def one(self, kind: str, one: One) -> str:
        """An id, chosen among those of a kind."""
        luck, place = one
        found = self.made[kind] if luck == "made" else []
        found = [id for id in self.made[kind] if self.is_kept(id)] if luck == "kept" else found
        return found[-1 - place % len(found)] if found else NOWHERE[kind]

    def is_kept(self, id: str) -> bool:
        rules = self.tenants[self.owner[id]]
        return id in self.texts or id in rules.responses or id in rules.talks

    def origin(self, what: str, one: One) -> tuple[str | None, str | None]:
        """The response and the conversation that a new response names."""
        previous = self.one("response", one) if what in ("response", "both") else None
        talk = self.one("talk", one) if what in ("talk", "both") else None
        return previous, talk

    def make(self, kind: str, id: str, tenant: str) -> None:
        if id not in self.owner:
            self.made[kind].append(id)
        self.owner[id] = tenant

    def asker(self, stranger: bool, *ids: str | None) -> str:
        """Whoever an id belongs to; or somebody else."""
        known = [self.owner[id] for id in ids if id is not None and id in self.owner]
        place = TENANTS.index(known[0]) if known else 0
        return TENANTS[(place + stranger) % len(TENANTS)]

    def check(self, answer: Answer, rule: Callable[..., T], *given: Any) -> T | None:
        """What the rules say of a call that was answered; None where both refuse it alike."""
        found: T | None = None
        refused: tuple[int, str | None] | None = None
        try:
            found = rule(*given)
        except Refused as error:
            refused = error.answer
        assert answer.refusal == refused, answer
        return found

    # What is found -------------------------------------------------------------------------------

    def shown(self, tenant: str, found: list[Any]) -> list[str]:
        """The texts of items, whose ids are known from now on."""
        for item in found:
            self.texts[item["id"]] = shown(item)
            self.make("item", item["id"], tenant)
        return [shown(item) for item in found]

    def check_response(self, id: str, tenant: str) -> None:
        answer = self.ask(tenant, f"GET responses/{id}")
        found = self.check(answer, self.tenants[tenant].find, id)
        if found is not None:
            self.compare(answer.document, found)

    def compare(self, document: dict[str, Any], found: Response) -> None:
        status = RUNS if document["status"] in UNENDED else document["status"]
        assert status == found.status
        assert document["previous_response_id"] == found.previous
        assert (document["conversation"] or {}).get("id") == found.talk
        assert document["background"] == found.background
        if status != RUNS:
            assert [shown(item) for item in document["output"]] == found.said

    def check_pages(
        self,
        tenant: str,
        path: str,
        limit: int,
        order: str,
        wanted: Callable[[Rules], list[str]],
    ) -> None:
        """Page through a list to its end."""
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            answer = self.ask(tenant, path, limit=limit, order=order, **after)
            expected = self.check(answer, wanted, self.tenants[tenant])
            if expected is None:
                return
            page = answer.document
            found += self.shown(tenant, page["data"])
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        assert found == (expected if order == "asc" else expected[::-1])

    def settle(self, tenant: str, id: str) -> None:
        """Wait until a response is not being made any more."""

        async def ended() -> None:
            runs = True
            while runs:
                await asyncio.sleep(PAUSE)
                answer = await self.echo.ask(tenant, f"GET responses/{id}")
                runs = answer.document["status"] in UNENDED

        self.run(ended())

    def wait(self, done: Callable[[], bool]) -> None:
        async def waiting() -> None:
            while not done():
                await asyncio.sleep(PAUSE)

        self.run(waiting())
