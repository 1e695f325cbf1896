"""Whatever is asked in whatever order, the stack and the rules of `rules.py` say the same.

Sequences of calls are made up at random, by three tenants; `--histories N` makes it a long run.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from .comparing import NOWHERE, TENANTS, Comparing, One
from .echoing import Answer, Echoing, echoing, said, shown
from .rules import RUNS, TERMINALS, Refused, Response

tenants = st.sampled_from(TENANTS)
strangers = st.sampled_from([False] * 6 + [True])
# One that is kept now, or was ever made, or neither; the newest ones first.
ones = st.tuples(st.sampled_from(["kept"] * 8 + ["made", "nowhere"]), st.integers(0, 5))
# What a response goes on from.
origins = st.sampled_from(["nothing", "response", "response", "response", "talk", "talk", "both"])
pages = st.integers(1, 4)
orders = st.sampled_from(["asc", "desc"])


class Histories(Comparing):
    @initialize()
    def something(self) -> None:
        """Every tenant has something that another one could ask for."""
        for place, tenant in enumerate(TENANTS):
            self.begin_talk(tenant, place)
            self.new("say", tenant, self.made["talk"][-1] if place == 1 else None)
            self.leave("wait", tenant, talk=self.made["talk"][-1] if place == 2 else None)

    # Responses -----------------------------------------------------------------------------------

    @rule(
        how=st.sampled_from(["say", "think", "call", "fail"]),
        origin=origins,
        one=ones,
        item=st.none() | st.none() | ones,
        stored=st.sampled_from([True] * 5 + [False]),
        stream=st.booleans(),
        stranger=strangers,
    )
    def create(
        self,
        how: str,
        origin: str,
        one: One,
        item: One | None,
        stored: bool,
        stream: bool,
        stranger: bool,
    ) -> None:
        previous, talk = self.origin(origin, one)
        named = None if item is None else self.one("item", item)
        tenant = self.asker(stranger, previous, talk, named)
        self.new(how, tenant, talk, previous, named, stored, stream)

    def new(
        self,
        how: str,
        tenant: str,
        talk: str | None = None,
        previous: str | None = None,
        named: str | None = None,
        stored: bool = True,
        stream: bool = False,
    ) -> None:
        number, asked, told = self.asked(tenant, how, previous, talk, named)
        asked |= {"store": stored, "stream": stream and how != "fail"}
        answer = self.ask(tenant, "POST responses", asked)
        history = self.check_begun(answer, tenant, told, previous, talk, named, how == "fail")
        if history is None:
            return
        assert Echoing.heard[number] == history + told
        assert self.shown(tenant, answer.document["output"]) == said(how, number)
        id: str = answer.document["id"]
        self.make("response", id, tenant)
        if stored:
            rules = self.tenants[tenant]
            rules.keep(id, Response(told, previous=previous, talk=talk, named=named and told[0]))
            rules.end(id, "completed", said(how, number))

    def asked(
        self, tenant: str, how: str, previous: str | None, talk: str | None, named: str | None
    ) -> tuple[str, dict[str, Any], list[str]]:
        """A message with a number of its own, behind the results of the calls before it."""
        self.count += 1
        number = str(self.count)
        try:
            history = self.tenants[tenant].history(previous, talk)
        except Refused:
            history = []
        calls = [item.removeprefix("call: ") for item in history if item.startswith("call: ")]
        calls = [call for call in calls if f"result: {call}" not in history]
        items: list[dict[str, Any]] = [] if named is None else [{"id": named}]
        items += [{"type": "function_call_output", "call_id": c, "output": "x"} for c in calls]
        items += [{"role": "user", "content": f"{how} {number}"}]
        told = [] if named is None else [self.texts.get(named, "")]
        told += [*(f"result: {call}" for call in calls), f"user: {how} {number}"]
        body = {"input": items, "previous_response_id": previous, "conversation": talk}
        return number, body, told

    def check_begun(
        self,
        answer: Answer,
        tenant: str,
        told: list[str],
        previous: str | None,
        talk: str | None,
        named: str | None,
        fails: bool = False,
    ) -> list[str] | None:
        """The history that a response has begun with; None where it has not."""

        def begun() -> list[str]:
            history = self.tenants[tenant].history(previous, talk)
            if named is not None:
                self.tenants[tenant].named(told[0], history)
            self.tenants[tenant].paired(history + told)
            if fails:
                raise Refused((502, None))
            return history

        return self.check(answer, begun)

    @rule(one=ones, stranger=strangers)
    def retrieve(self, one: One, stranger: bool) -> None:
        id = self.one("response", one)
        self.check_response(id, self.asker(stranger, id))

    @rule(one=ones, stranger=strangers, limit=pages, order=orders)
    def input_items(self, one: One, stranger: bool, limit: int, order: str) -> None:
        id = self.one("response", one)
        tenant = self.asker(stranger, id)
        path = f"GET responses/{id}/input_items"
        self.check_pages(tenant, path, limit, order, lambda rules: rules.input_items(id))

    @rule(one=ones, stranger=strangers)
    def delete(self, one: One, stranger: bool) -> None:
        id = self.one("response", one)
        tenant = self.asker(stranger, id)
        answer = self.ask(tenant, f"DELETE responses/{id}")
        self.check(answer, self.tenants[tenant].delete, id)

    # In the background ---------------------------------------------------------------------------

    @rule(
        how=st.sampled_from(["wait", "wait", "wait", "fail"]),
        origin=origins,
        one=ones,
        stored=st.sampled_from([True] * 8 + [False]),
        stream=st.booleans(),
        stranger=strangers,
    )
    def begin(
        self, how: str, origin: str, one: One, stored: bool, stream: bool, stranger: bool
    ) -> None:
        previous, talk = self.origin(origin, one)
        tenant = self.asker(stranger, previous, talk)
        self.leave(how, tenant, previous, talk, stored, stream)

    def leave(
        self,
        how: str,
        tenant: str,
        previous: str | None = None,
        talk: str | None = None,
        stored: bool = True,
        stream: bool = True,
    ) -> None:
        """Ask for a response in the background, and go when it is being made."""
        number, asked, told = self.asked(tenant, how, previous, talk, None)
        asked |= {"background": True, "store": stored, "stream": stream}
        delta = "response.output_text.delta"
        answer = self.ask(tenant, "POST responses", asked, until=delta)
        if not stored and answer.refusal == (400, "unsupported_value"):
            return
        history = self.check_begun(answer, tenant, told, previous, talk, None)
        if history is None:
            return
        self.wait(lambda: number in Echoing.heard)
        assert Echoing.heard[number] == history + told
        document = answer.events[0]["response"] if stream else answer.document
        id: str = document["id"]
        self.make("response", id, tenant)
        self.numbers[id], self.seen[id] = number, answer.events
        begun = Response(told, previous=previous, talk=talk, background=True, streamed=stream)
        self.tenants[tenant].keep(id, begun)
        if how == "fail":
            self.settle(tenant, id)
            self.tenants[tenant].end(id, "failed", [])

    @rule(one=ones)
    def end(self, one: One) -> None:
        """Let a response that is being made come to its end."""
        id = self.one("response", one)
        tenant = self.asker(False, id)
        found = self.tenants[tenant].responses.get(id)
        if found is None or found.status != RUNS:
            return
        number = self.numbers[id]
        Echoing.gates[number].set()
        self.settle(tenant, id)
        self.tenants[tenant].end(id, "completed", said("wait", number))
        self.check_response(id, tenant)

    @rule(one=ones, stranger=strangers)
    def cancel(self, one: One, stranger: bool) -> None:
        id = self.one("response", one)
        tenant = self.asker(stranger, id)
        answer = self.ask(tenant, f"POST responses/{id}/cancel")
        found = self.check(answer, self.tenants[tenant].cancellable, id)
        if found is None:
            return
        if found.status == RUNS:
            left = len(self.echo.stack.background)
            self.wait(lambda: len(self.echo.stack.background) < left)
            half = [f"assistant: half of {self.numbers[id]}"]
            self.tenants[tenant].end(id, "cancelled", half)
        assert answer.document["status"] == found.status
        self.check_response(id, tenant)

    @rule(one=ones, after=st.none() | st.integers(0, 15), stranger=strangers)
    def follow(self, one: One, after: int | None, stranger: bool) -> None:
        """Look at a stream from its beginning, or go on with it."""
        id = self.one("response", one)
        tenant = self.asker(stranger, id)
        known = self.tenants[tenant].responses.get(id)
        runs = known is not None and known.status == RUNS
        if runs and after is not None and after >= len(self.seen[id]) - 1:
            return  # nothing more comes
        last = self.seen[id][-1]["type"] if runs and known is not None and known.streamed else ""
        asked: dict[str, Any] = {"stream": "true"}
        asked |= {} if after is None else {"starting_after": after}
        answer = self.ask(tenant, f"GET responses/{id}", until=last, **asked)
        found = self.check(answer, self.tenants[tenant].followed, id)
        if found is None:
            return
        first = 0 if after is None else after + 1
        numbers = [event["sequence_number"] for event in answer.events]
        assert numbers == list(range(first, first + len(numbers)))
        seen = self.seen[id]
        both = min(len(seen) - first, len(answer.events))
        if both > 0:
            assert answer.events[:both] == seen[first : first + both]
        if runs or not answer.events:
            return
        end = answer.events[-1]
        assert end["type"] == f"response.{TERMINALS[found.status]}"
        self.compare(end["response"], found)
        if first <= len(seen):
            self.seen[id] = seen[:first] + answer.events

    # Conversations -------------------------------------------------------------------------------

    @rule(tenant=tenants, count=st.integers(0, 3))
    def begin_talk(self, tenant: str, count: int) -> None:
        items, texts = self.messages(count)
        answer = self.ask(tenant, "POST conversations", {"items": items})
        assert answer.status == 200, answer
        id: str = answer.document["id"]
        self.make("talk", id, tenant)
        self.tenants[tenant].talks[id] = [texts] if texts else []

    def messages(self, count: int) -> tuple[list[Any], list[str]]:
        numbers = range(self.count + 1, self.count + 1 + count)
        self.count += count
        said = [f"say {number}" for number in numbers]
        items = [{"role": "user", "content": text} for text in said]
        return items, [f"user: {text}" for text in said]

    @rule(one=ones, count=st.integers(1, 3), stranger=strangers)
    def add(self, one: One, count: int, stranger: bool) -> None:
        id = self.one("talk", one)
        tenant = self.asker(stranger, id)
        items, texts = self.messages(count)
        answer = self.ask(tenant, f"POST conversations/{id}/items", {"items": items})
        self.check(answer, self.tenants[tenant].add, id, texts)
        if answer.status == 200:
            assert self.shown(tenant, answer.document["data"]) == texts

    @rule(one=ones, stranger=strangers, limit=pages, order=orders)
    def list_items(self, one: One, stranger: bool, limit: int, order: str) -> None:
        id = self.one("talk", one)
        tenant = self.asker(stranger, id)
        path = f"GET conversations/{id}/items"
        self.check_pages(tenant, path, limit, order, lambda rules: rules.items(id))

    @rule(one=ones, which=st.integers(0, 9), removed=st.booleans(), stranger=strangers)
    def look_at_item(self, one: One, which: int, removed: bool, stranger: bool) -> None:
        id = self.one("talk", one)
        tenant = self.asker(stranger, id)
        listed = self.ask(self.asker(False, id), f"GET conversations/{id}/items", limit=100)
        known = [NOWHERE["item"], *(item["id"] for item in listed.document.get("data", ()))]
        item = known[which % len(known)]
        text = next((shown(i) for i in listed.document.get("data", ()) if i["id"] == item), "")
        rules, path = self.tenants[tenant], f"conversations/{id}/items/{item}"
        answer = self.ask(tenant, f"GET {path}")
        if self.check(answer, rules.has, id, text) is not None:
            assert shown(answer.document) == text
        if removed:
            self.check(self.ask(tenant, f"DELETE {path}"), rules.remove, id, text)

    @rule(one=ones, stranger=strangers)
    def look_at_talk(self, one: One, stranger: bool) -> None:
        id = self.one("talk", one)
        tenant = self.asker(stranger, id)
        answer = self.ask(tenant, f"GET conversations/{id}")
        self.check(answer, self.tenants[tenant].items, id)

    @rule(one=ones, stranger=strangers)
    def forget(self, one: One, stranger: bool) -> None:
        id = self.one("talk", one)
        tenant = self.asker(stranger, id)
        answer = self.ask(tenant, f"DELETE conversations/{id}")
        self.check(answer, self.tenants[tenant].forget, id)


@pytest.mark.parametrize(
    ("store", "share"), [("memory", 1), ("sqlite", 4), ("postgres", 8)], indirect=["store"]
)
def test_the_stack_and_the_rules_say_the_same(
    share: int, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = max(1, pytestconfig.getoption("--histories") // share)
    monkeypatch.setattr(Histories, "configured", echoing(), raising=False)
    run_state_machine_as_test(Histories, settings=settings(max_examples=count))
