"""An upstream that speaks Responses keeps its answers itself; ours are replayed for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from open_responses import USUAL
from peer import Peer, whole

from .telling import DISTRIBUTION, ON_ONE_STORE, telling
from .test_background import ended

pytestmark = ON_ONE_STORE

HI: Any = [{"role": "user", "content": "hi"}]


def answered(id: str, text: str = "from upstream") -> Any:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"id": "msg_up", "type": "message", "role": "assistant", "status": "completed"}
    return whole(USUAL | {"id": id, "model": "m", "output": [message | {"content": content}]})


@pytest.fixture(scope="module")
def played() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def peer(played: Peer) -> Iterator[Peer]:
    played.forget()
    yield played
    played.forget()


def speaking(peer: Peer, *protocols: str) -> dict[str, Any]:
    config = {"base_url": peer.url, "api_key": "k", "discover": False, "retries": 0}
    return {"type": "openai", "config": config | {"native": list(protocols or ["responses"])}}


@asynccontextmanager
async def beside(peer: Peer, store: Any = ..., **providers: Any) -> AsyncIterator[Any]:
    """A stack with the upstream as `native`, alone and with a fallback, beside `telling`."""
    async with telling(
        providers=DISTRIBUTION["providers"] | {"up": speaking(peer)} | providers,
        models=DISTRIBUTION["models"]
        | {
            "native": {"provider": "up", "model": "m"},
            "careful": {"provider": "up", "model": "m", "fallbacks": ["telling"]},
        },
        store=DISTRIBUTION["store"] if store is ... else store,
    ) as stack:
        yield stack


async def test_an_upstreams_own_id_passes_to_it_untouched(peer: Peer) -> None:
    async with beside(peer) as stack:
        client = stack.openai()
        peer.play(answered("resp_up1"), answered("resp_up2"))
        first = await client.responses.create(model="native", input=HI)
        raw = await client.responses.with_raw_response.create(
            model="native", input=HI, previous_response_id=first.id
        )
        assert raw.headers["x-stack-route"] == "native"
        assert raw.parse().id == "resp_up2"
        assert peer.last.document["previous_response_id"] == "resp_up1"


async def test_an_id_of_ours_is_replayed_for_an_upstream_and_the_answer_is_kept(
    peer: Peer,
) -> None:
    async with beside(peer) as stack:
        client = stack.openai()
        first = await client.responses.create(model="telling", input="call")
        output: Any = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        peer.play(answered("resp_up"))
        raw = await client.responses.with_raw_response.create(
            model="native", input=[output], previous_response_id=first.id
        )
        assert raw.headers["x-stack-route"] == "rewritten; kept"
        sent = peer.last.document
        assert "previous_response_id" not in sent
        assert sent["store"] is False
        assert [item["type"] for item in sent["input"]] == [
            "message",
            "message",
            "function_call",
            "function_call_output",
        ]
        second = raw.parse()
        assert (await client.responses.retrieve(second.id)).output_text == "from upstream"
        await client.responses.create(model="telling", input="b", previous_response_id=second.id)


async def test_an_unknown_id_goes_to_no_upstream_of_several(peer: Peer) -> None:
    async with beside(peer) as stack:
        with pytest.raises(openai.BadRequestError) as caught:
            await stack.openai().responses.create(
                model="careful", input=HI, previous_response_id="resp_up1"
            )
        assert caught.value.code == "previous_response_not_found"
        assert peer.requests == []


def about(file: str) -> Any:
    return [{"role": "user", "content": [{"type": "input_file", "file_id": file}]}]


async def test_what_is_rewritten_for_an_upstream_is_kept_here(peer: Peer) -> None:
    async with beside(peer) as stack:
        client = stack.openai()
        file = await client.files.create(file=("a.txt", b"in the file"), purpose="user_data")
        peer.play(answered("resp_up"))
        raw = await client.responses.with_raw_response.create(model="native", input=about(file.id))
        assert raw.headers["x-stack-route"] == "rewritten; files"
        assert "in the file" in peer.last.body.decode()
        assert peer.last.document["store"] is False  # it is kept once
        made = raw.parse()
        assert made.id != "resp_up"
        assert (await client.responses.retrieve(made.id)).output_text == "from upstream"


async def test_what_is_rewritten_runs_in_the_background_of_this_stack(peer: Peer) -> None:
    async with beside(peer) as stack:
        client = stack.openai()
        file = await client.files.create(file=("a.txt", b"in the file"), purpose="user_data")
        peer.play(answered("resp_up"))
        made = await client.responses.create(model="native", input=about(file.id), background=True)
        assert (made.status, made.background) == ("queued", True)
        assert (await ended(client, made.id)).output_text == "from upstream"
        assert "background" not in peer.last.document
        assert peer.last.document["store"] is False


@pytest.mark.parametrize("changes", [{}, {"store": None}])
async def test_an_upstream_has_a_background_of_its_own(peer: Peer, changes: Any) -> None:
    async with beside(peer, **changes) as stack:
        peer.play(answered("resp_up"))
        made = await stack.openai().responses.create(model="native", input="hi", background=True)
        assert made.id == "resp_up"
        assert peer.last.document["background"] is True
        with pytest.raises(openai.BadRequestError, match="background: "):
            await stack.openai().responses.create(
                model="careful", input="hi", background=True, store=False
            )


async def test_a_file_of_the_upstreams_passes_to_it_by_its_name(peer: Peer) -> None:
    async with beside(peer) as stack:
        peer.play(answered("resp_up"))
        raw = await stack.openai().responses.with_raw_response.create(
            model="native", input=about("file-up")
        )
        assert raw.headers["x-stack-route"] == "native"
        assert peer.last.document["input"][0]["content"] == about("file-up")[0]["content"]


async def test_calls_about_an_answer_go_to_the_only_upstream_that_can_have_kept_it(
    peer: Peer,
) -> None:
    async with beside(peer, chat=speaking(peer, "chat")) as stack:
        client = stack.openai()
        listed = {"object": "list", "data": [], "has_more": False, "first_id": "", "last_id": ""}
        deleted = {"id": "resp_up", "object": "response", "deleted": True}
        peer.play(answered("resp_up"), whole(listed), answered("resp_up"), whole(deleted))
        got = await client.responses.with_raw_response.retrieve("resp_up", include=["a"])
        assert got.parse().output_text == "from upstream"
        assert got.headers["x-stack-route"] == "native"
        assert (await client.responses.input_items.list("resp_up", limit=5)).data == []
        assert (await client.responses.cancel("resp_up")).id == "resp_up"
        await client.responses.delete("resp_up")
        assert [(r.method, r.path) for r in peer.requests] == [
            ("GET", "/v1/responses/resp_up"),
            ("GET", "/v1/responses/resp_up/input_items"),
            ("POST", "/v1/responses/resp_up/cancel"),
            ("DELETE", "/v1/responses/resp_up"),
        ]
        assert peer.requests[1].query == "limit=5"
        assert peer.last.header("authorization") == "Bearer k"


async def test_where_two_upstreams_can_have_kept_an_answer_it_is_not_found(peer: Peer) -> None:
    async with beside(peer, other=speaking(peer)) as stack:
        with pytest.raises(openai.NotFoundError, match="no response 'resp_up' is kept here"):
            await stack.openai().responses.retrieve("resp_up")
        assert peer.requests == []


@pytest.mark.parametrize("id", ["a/../../files", "a?b=c", "x" * 300])
async def test_what_is_no_id_never_reaches_an_upstream(peer: Peer, id: str) -> None:
    async with beside(peer) as stack:
        with pytest.raises(openai.NotFoundError):
            await stack.openai().responses.retrieve(id)
        assert peer.requests == []


async def test_our_own_answers_are_never_asked_of_an_upstream(peer: Peer) -> None:
    async with beside(peer) as stack:
        client = stack.openai()
        made = await client.responses.create(model="telling", input="a")
        assert (await client.responses.retrieve(made.id)).id == made.id
        await client.responses.delete(made.id)
        assert peer.requests == []
