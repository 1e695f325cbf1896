"""A stack on the caller's loop: clients, plain calls, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from pydantic import BaseModel, SecretStr
from websockets.exceptions import InvalidURI

from polystack.core import (
    ConfigError,
    Distribution,
    Model,
    Provider,
    ProviderEntry,
    Stack,
    StackError,
    ir,
)
from polystack.core.faces.library.thread import close
from polystack.core.runtime.config import ServerConfig, Source

from .stacks import SCRIPTED, asked


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with Stack.load(SCRIPTED) as stack:
        yield stack


def running(stack: Stack) -> int:
    count: int = stack.health()["providers"]["demo"]["running"]
    return count


# Clients -----------------------------------------------------------------------------------------


async def test_both_sdks_clients_are_bound_to_the_stack(stack: Stack) -> None:
    completion = await stack.openai().chat.completions.create(**asked("hi"))
    assert completion.choices[0].message.content == "Hello"
    response = await stack.openai().responses.create(model="m", input="hi")
    assert response.output_text == "Hello"
    message = await stack.anthropic().messages.create(**asked("hi"), max_tokens=9)
    assert [block.to_dict()["text"] for block in message.content] == ["Hello"]


async def test_the_first_event_comes_before_the_answer_ends(stack: Stack) -> None:
    stream = await stack.openai().chat.completions.create(**asked("hang"), stream=True)
    async with stream:
        said = [chunk.choices[0].delta.content or "" async for chunk in _first(stream, 3)]
        assert "".join(said) == "and then"
        assert running(stack) == 1


async def test_a_stream_that_is_closed_has_let_go_when_that_returns(stack: Stack) -> None:
    for _ in range(3):
        stream = await stack.anthropic().messages.create(**asked("hang"), max_tokens=9, stream=True)
        await anext(aiter(stream))
        assert running(stack) == 1
        await stream.close()
        assert running(stack) == 0


async def test_a_task_that_is_cancelled_cancels_its_call(stack: Stack) -> None:
    call = asyncio.create_task(stack.openai().responses.create(model="m", input="late"))
    while not running(stack):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert running(stack) == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdks_timeouts_hold(stack: Stack, stream: bool) -> None:
    client = stack.openai(timeout=0.05, max_retries=0)
    with pytest.raises(openai.APITimeoutError):
        await client.responses.create(model="m", input="late", stream=stream)
    assert running(stack) == 0


async def test_the_timeout_holds_for_each_wait_within_a_stream(stack: Stack) -> None:
    client = stack.anthropic(timeout=0.05, max_retries=0)
    stream = await client.messages.create(**asked("hang"), max_tokens=9, stream=True)
    with pytest.raises(httpx2.ReadTimeout):
        _ = [event async for event in stream]
    assert running(stack) == 0


async def test_errors_are_the_sdks_own(stack: Stack) -> None:
    with pytest.raises(openai.RateLimitError):
        await stack.openai(max_retries=0).responses.create(model="m", input="broken")
    with pytest.raises(anthropic.NotFoundError, match="nobody"):
        await stack.anthropic().messages.create(**asked("hi") | {"model": "nobody"}, max_tokens=9)
    with pytest.raises(anthropic.APIStatusError, match="gone"):
        async with stack.anthropic().messages.stream(**asked("midway"), max_tokens=9) as stream:
            await stream.get_final_message()


async def test_models_and_token_counts_are_served(stack: Stack) -> None:
    assert [model.id async for model in stack.openai().models.list()] == ["m"]
    assert (await stack.anthropic().models.retrieve("m")).id == "m"
    count = await stack.anthropic().messages.count_tokens(**asked("one two three"))
    assert count.input_tokens > 0


async def test_a_client_of_ones_own_reaches_every_path(stack: Stack) -> None:
    async with httpx2.AsyncClient(transport=stack.transport(), base_url="http://any") as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        assert "chat" in (await client.get("/")).json()["apis"]
        assert (await client.get("/v1/nothing")).status_code == 404
        wrong = await client.get("/v1/messages")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        right = await client.post("/v1/chat/completions", json=asked("hi"))
        assert right.headers["x-stack-fidelity"] == "exact"
        assert right.headers["x-request-id"].startswith("req_")


async def test_whoever_asks_again_and_again_lets_others_run(stack: Stack) -> None:
    async with httpx2.AsyncClient(transport=stack.transport(), base_url="http://any") as client:
        ran = asyncio.Event()
        asyncio.get_running_loop().call_soon(ran.set)
        await client.get("/health")
        assert ran.is_set()


async def test_options_go_to_the_client(stack: Stack) -> None:
    assert stack.openai(max_retries=7).max_retries == 7
    assert stack.anthropic(default_headers={"x-mine": "1"}).default_headers["x-mine"] == "1"
    for name in ("base_url", "http_client"):
        with pytest.raises(TypeError, match=f"{name} is what binds the client to its stack"):
            stack.openai(**{name: "http://elsewhere"})


async def test_a_stack_with_keys_gives_one_to_its_clients() -> None:
    keyed = SCRIPTED | {"server": {"api_keys": ["first", "second"]}}
    async with Stack.load(keyed) as stack:
        assert (await stack.openai().responses.create(model="m", input="hi")).output_text
        assert (await stack.openai(api_key="second").models.list()).data
        with pytest.raises(openai.AuthenticationError):
            await stack.openai(api_key="third").models.list()
        with pytest.raises(anthropic.AuthenticationError):
            await stack.anthropic(api_key="third").messages.create(**asked("hi"), max_tokens=9)


async def test_a_websocket_is_refused_in_words() -> None:
    async with Stack.load(SCRIPTED) as stack:
        with pytest.raises(InvalidURI, match="this-stack-has-no-websocket,serve-it-with-stack-run"):
            await stack.openai().responses.connect().enter()
        with pytest.raises(StackError, match="opened by a WebSocket, over HTTP only"):
            await stack.handle("responses", "connect", {})
        with pytest.raises(openai.APIStatusError, match="GET /v1/responses is not served; use"):
            await stack.openai().get("/responses", cast_to=object)


async def test_the_environment_of_the_sdks_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await stack.openai().responses.create(model="m", input="hi")).output_text == "Hello"
    assert (await stack.anthropic().messages.create(**asked("hi"), max_tokens=9)).content


async def test_a_stream_that_is_forgotten_lets_go(stack: Stack) -> None:
    stream: Any = await stack.openai().responses.create(model="m", input="hang", stream=True)
    await anext(aiter(stream))
    del stream
    while running(stack):
        gc.collect()
        await asyncio.sleep(0)


# Calls without an SDK ----------------------------------------------------------------------------


async def test_a_call_needs_no_sdk(stack: Stack) -> None:
    whole = await stack.handle("chat", "create", asked("hi"))
    assert whole.document is not None
    assert whole.document["choices"][0]["message"]["content"] == "Hello"
    streamed = await stack.handle("chat", "create", asked("hi", stream=True))
    assert streamed.stream is not None
    assert b"".join([chunk async for chunk in streamed.stream]).endswith(b"data: [DONE]\n\n")


def request(text: str, **more: Any) -> ir.Request:
    return ir.Request("m", (ir.Turn("user", (ir.Text(text),)),), **more)


async def test_generate_gives_canonical_events(stack: Stack) -> None:
    events = [event async for event in stack.generate(request("hi"))]
    assert isinstance(events[0], ir.Started)
    assert isinstance(events[-1], ir.Finished)
    assert "".join(event.text for event in events if isinstance(event, ir.Delta)) == "Hello"


async def test_generate_raises_before_the_start_and_tells_after_it(stack: Stack) -> None:
    with pytest.raises(StackError, match="no"):
        await anext(stack.generate(request("broken")))
    last = [event async for event in stack.generate(request("midway"))][-1]
    assert isinstance(last, ir.Failed)
    assert last.error.message == "gone"
    with pytest.raises(StackError, match="nobody"):
        await anext(stack.generate(ir.Request("nobody", ())))
    with pytest.raises(StackError, match="generate gives one answer"):
        await anext(stack.generate(request("hi", sampling=ir.Sampling(n=2))))


async def test_generate_lets_go_when_it_is_closed(stack: Stack) -> None:
    async with aclosing(stack.generate(request("hang"))) as events:
        await anext(events)
        assert running(stack) == 1
    assert running(stack) == 0


# Its life ----------------------------------------------------------------------------------------


async def test_a_stack_is_loaded_from_whatever_describes_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\nname: file\napis: [chat]\nproviders: {p: {type: scripted}}\n")
    typed = Distribution(
        version=1,
        name="typed",
        apis=["chat"],
        server=ServerConfig(api_keys=[SecretStr("secret-key")]),
        providers={"p": ProviderEntry(type="scripted")},
    )
    sources: list[tuple[Source, str]] = [
        (path, "file"),
        (str(path), "file"),
        ("scripted", "scripted"),
        ("scripted.yaml", "scripted"),
        (SCRIPTED, "here"),
        (typed, "typed"),
    ]
    for source, name in sources:
        async with Stack.load(source) as stack:
            assert stack.distribution.name == name
            assert [model.id async for model in stack.openai().models.list()]


class Parrot(Provider):
    type = "parrot"

    class Config(BaseModel):
        pass

    async def models(self) -> list[Model]:
        return [Model("parrot")]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        yield ir.Started("1", "parrot")
        yield ir.PartStarted(0, ir.Text(""))
        yield ir.Delta(0, ir.text_of(request.turns[-1].parts))
        yield ir.PartEnded(0)
        yield ir.Finished(ir.Stop("end"))


async def test_a_program_may_bring_a_provider_of_its_own() -> None:
    here = SCRIPTED | {"providers": {"bird": {"type": "parrot"}}}
    async with Stack.load(here, providers=[Parrot]) as stack:
        answer = await stack.openai().responses.create(model="parrot", input="hi")
        assert answer.output_text == "hi"
    with pytest.raises(ConfigError, match="no provider 'parrot' is installed"):
        Stack.load(here)
    with pytest.raises(TypeError, match="takes a subclass of Provider"):
        Stack.load(here, providers=[object])  # type: ignore[list-item]


async def test_a_programs_own_provider_comes_before_an_installed_one() -> None:
    class Mine(Parrot):
        type = "scripted"

    here = SCRIPTED | {"providers": {"demo": {"type": "scripted"}}}
    async with Stack.load(here, providers=[Mine]) as stack:
        assert isinstance(stack.providers["demo"], Mine)


def test_a_typed_distribution_is_checked_like_a_file() -> None:
    typed = Distribution(
        version=1, name="t", apis=["chat"], providers={"p": ProviderEntry(type="nothing")}
    )
    with pytest.raises(ConfigError, match="no provider 'nothing' is installed"):
        Stack.load(typed)


async def test_a_stack_that_does_not_run_says_so() -> None:
    stack = Stack.load(SCRIPTED)
    for ask in (stack.openai, stack.anthropic, stack.transport):
        with pytest.raises(RuntimeError, match="does not run; use it inside `async with`"):
            ask()
    async with stack:
        client = stack.openai(max_retries=0)
    with pytest.raises(RuntimeError, match="does not run"):
        await client.models.list()


async def test_a_stack_starts_once_at_a_time(stack: Stack) -> None:
    with pytest.raises(RuntimeError, match="runs already"):
        await stack.start()
    with pytest.raises(RuntimeError, match="runs already"), stack:
        pass
    await stack.stop()
    await stack.start()
    assert (await stack.openai().responses.create(model="m", input="hi")).output_text == "Hello"


async def test_another_loop_is_told_where_the_stack_runs(stack: Stack) -> None:
    client = stack.openai()

    def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="runs on another event loop"):
            asyncio.run(stack.handle("chat", "create", asked("hi")))
        with pytest.raises(RuntimeError, match="runs on another event loop"):
            asyncio.run(client.responses.create(model="m", input="hi"))

    await asyncio.to_thread(elsewhere)


async def test_a_stack_that_stops_ends_what_runs() -> None:
    async with Stack.load(SCRIPTED) as stack:
        stream = await stack.handle("chat", "create", asked("hang", stream=True))
        assert stream.stream is not None
        await anext(stream.stream)
    assert stack.providers == {}
    await close(stream.stream)


async def _first(stream: Any, count: int) -> AsyncIterator[Any]:
    async for item in stream:
        yield item
        count -= 1
        if not count:
            return
