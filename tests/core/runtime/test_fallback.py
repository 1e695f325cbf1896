"""Models with fallbacks: who is asked next, and which failures lead there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from peer import Peer, whole
from peer.transcripts import answer, document

from polystack.core import ConfigError, Stack, StackError, ir
from polystack.core.canon.errors import InvalidRequest, Overloaded

APIS = ["messages", "responses", "chat"]
BODIES: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"input": "hi"},
    "chat": {"messages": [{"role": "user", "content": "hi"}]},
}


def scripted(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"type": "scripted", "config": {"models": [{"id": "it"}], "answers": list(answers)}}


def says(text: str) -> dict[str, Any]:
    return scripted({"parts": [{"text": text}]})


def fails(kind: str) -> dict[str, Any]:
    return scripted({"error": {"kind": kind, "message": f"no, {kind}"}})


def distribution(**providers: dict[str, Any]) -> dict[str, Any]:
    first, *others = providers
    return {
        "version": 1,
        "name": "fallbacks",
        "apis": APIS,
        "providers": providers,
        "models": {"m": {"provider": first, "fallbacks": [f"{name}/it" for name in others]}},
    }


async def ask(stack: Stack, api: str = "chat", **more: Any) -> tuple[dict[str, str], str]:
    """Headers and the body as text, whole or streamed."""
    reply = await stack.handle(api, "create", BODIES[api] | {"model": "m"} | more)
    headers = dict(reply.headers)
    if reply.stream is not None:
        return headers, b"".join([chunk async for chunk in reply.stream]).decode()
    body = orjson.dumps(reply.document) if reply.body is None else reply.body
    return headers, body.decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", ["overloaded", "upstream", "timeout", "rate_limited", "internal"])
async def test_a_failure_of_the_model_leads_to_the_next(kind: str, api: str, stream: bool) -> None:
    async with Stack.load(distribution(first=fails(kind), second=says("second"))) as stack:
        headers, body = await ask(stack, api, stream=stream)
        assert "second" in body
        assert '"model":"m"' in body
        assert headers["x-stack-fallback"] == f"first={kind}"


@pytest.mark.parametrize(
    "kind", ["invalid_request", "permission", "not_found", "conflict", "too_large"]
)
async def test_a_fault_of_the_request_stays_one(kind: str) -> None:
    async with Stack.load(distribution(first=fails(kind), second=says("second"))) as stack:
        with pytest.raises(StackError, match=f"no, {kind}"):
            await ask(stack)


async def test_a_model_that_answers_has_no_need_of_them() -> None:
    async with Stack.load(distribution(first=says("first"), second=says("second"))) as stack:
        headers, body = await ask(stack)
        assert "first" in body
        assert "x-stack-fallback" not in headers


async def test_a_prompt_too_long_for_one_may_fit_another() -> None:
    short = scripted({"error": {"context_overflow": {"tokens": 9000, "limit": 4096}}})
    async with Stack.load(distribution(first=short, second=says("second"))) as stack:
        assert "second" in (await ask(stack))[1]


async def test_they_are_asked_in_their_order_and_the_header_names_all_that_failed() -> None:
    written = distribution(a=fails("overloaded"), b=fails("timeout"), c=says("third"), d=says("no"))
    async with Stack.load(written) as stack:
        headers, body = await ask(stack)
        assert "third" in body
        assert headers["x-stack-fallback"] == "a=overloaded, b=timeout"


async def test_where_all_fail_the_first_failure_is_told() -> None:
    async with Stack.load(distribution(a=fails("overloaded"), b=fails("timeout"))) as stack:
        with pytest.raises(Overloaded, match="no, overloaded"):
            await ask(stack)


async def test_what_breaks_off_in_the_middle_is_no_matter_for_another_model() -> None:
    broken = scripted({"parts": [{"text": "half"}], "fail": {"kind": "upstream", "message": "x"}})
    async with Stack.load(distribution(first=broken, second=says("second"))) as stack:
        _, body = await ask(stack, stream=True)
        assert "half" in body
        assert "second" not in body


async def test_a_request_that_is_no_request_is_refused_once() -> None:
    async with Stack.load(distribution(first=says("first"), second=says("second"))) as stack:
        with pytest.raises(InvalidRequest, match="messages"):
            await stack.handle("chat", "create", {"model": "m", "messages": 3})


async def test_an_alias_brings_the_fallbacks_of_its_model() -> None:
    written = distribution(first=fails("overloaded"), second=says("second"))
    async with Stack.load(written | {"aliases": {"claude-*": "m"}}) as stack:
        _, body = await ask(stack, model="claude-x")
        assert "second" in body
        assert '"model":"claude-x"' in body


async def test_generate_asks_the_next_as_well() -> None:
    async with Stack.load(distribution(first=fails("overloaded"), second=says("second"))) as stack:
        request = ir.Request("m", (ir.Turn("user", (ir.Text("hi"),)),))
        events = [event async for event in stack.generate(request)]
        assert "second" in [event.text for event in events if isinstance(event, ir.Delta)]


# Upstreams whose answers pass through ------------------------------------------------------------


@pytest.fixture
async def passing() -> AsyncIterator[tuple[Peer, Stack]]:
    with Peer() as peer:
        config = {"base_url": peer.url, "api_key": "k", "discover": False, "retries": 0}
        remote = {"type": "openai", "config": config}
        written = distribution(local=remote, spare=says("spare"))
        written["models"]["m"]["model"] = "wire-model"
        async with Stack.load(written) as stack:
            yield peer, stack


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_upstreams_own_error_leads_on_too(
    passing: tuple[Peer, Stack], status: int, stream: bool
) -> None:
    peer, stack = passing
    peer.play(whole(b'{"error":{"message":"x"}}', status))
    headers, body = await ask(stack, stream=stream)
    assert "spare" in body
    assert headers["x-stack-fallback"].startswith("local=")


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_an_upstreams_word_on_the_request_passes_through(
    passing: tuple[Peer, Stack], status: int
) -> None:
    peer, stack = passing
    peer.play(whole(b'{"error":{"message":"x"}}', status))
    headers, body = await ask(stack)
    assert body == '{"error":{"message":"x"}}'
    assert "x-stack-fallback" not in headers


async def test_an_upstreams_answer_passes_through_untouched(passing: tuple[Peer, Stack]) -> None:
    peer, stack = passing
    peer.play(answer("chat", "text", False))
    headers, body = await ask(stack)
    assert headers["x-stack-route"] == "native"
    assert body.encode() == document("chat", "text")


# The distribution --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fallbacks", "problem"),
    [
        (["m"], r"models\.m\.fallbacks\.0: 'm' was asked before it comes to this; remove it"),
        (["b/x", "b/x"], r"models\.m\.fallbacks\.1: 'b/x' was asked before"),
        (["nobody"], r"models\.m\.fallbacks\.0: 'nobody' is no model of this distribution"),
        (["nobody/x"], r"'nobody/x' is no model of this distribution"),
    ],
)
def test_fallbacks_are_checked_before_anything_starts(fallbacks: list[str], problem: str) -> None:
    written = distribution(a=says("a"), b=says("b"))
    written["models"]["m"]["fallbacks"] = fallbacks
    with pytest.raises(ConfigError, match=problem):
        Stack.load(written)


async def test_a_fallback_whose_provider_is_left_out_is_left_out_with_a_note() -> None:
    written = distribution(a=says("a"), b=says("b"))
    written["providers"]["b"]["when"] = ""
    async with Stack.load(written) as stack:
        assert "fallback b/it of model m is left out" in stack.loaded.notes
        assert "a" in (await ask(stack))[1]
