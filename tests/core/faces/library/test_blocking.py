"""A stack for programs without an event loop: on a thread of its own, asked from any other."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from polystack.core import ConfigError, Stack, StackError, ir
from polystack.core.faces.library import Blocking

from .stacks import SCRIPTED, asked


@pytest.fixture
def stack() -> Iterator[Blocking]:
    with Stack.load(SCRIPTED) as stack:
        yield stack


def running(stack: Blocking) -> int:
    count: int = stack.health()["providers"]["demo"]["running"]
    return count


def test_both_sdks_clients_are_bound_to_the_stack(stack: Blocking) -> None:
    completion = stack.openai().chat.completions.create(**asked("hi"))
    assert completion.choices[0].message.content == "Hello"
    assert stack.openai().responses.create(model="m", input="hi").output_text == "Hello"
    message = stack.anthropic().messages.create(**asked("hi"), max_tokens=9)
    assert [block.to_dict()["text"] for block in message.content] == ["Hello"]


def test_the_first_event_comes_before_the_answer_ends(stack: Blocking) -> None:
    with stack.openai().chat.completions.create(**asked("hang"), stream=True) as stream:
        said = [next(stream).choices[0].delta.content or "" for _ in range(3)]
        assert "".join(said) == "and then"
        assert running(stack) == 1
    assert running(stack) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdks_timeouts_hold(stack: Blocking, stream: bool) -> None:
    with pytest.raises(openai.APITimeoutError):
        stack.openai(timeout=0.05, max_retries=0).responses.create(
            model="m", input="late", stream=stream
        )
    assert running(stack) == 0


def test_the_timeout_holds_for_each_wait_within_a_stream(stack: Blocking) -> None:
    client = stack.anthropic(timeout=0.05, max_retries=0)
    with pytest.raises(httpx2.ReadTimeout):
        list(client.messages.create(**asked("hang"), max_tokens=9, stream=True))
    assert running(stack) == 0


def test_errors_are_the_sdks_own(stack: Blocking) -> None:
    with pytest.raises(openai.RateLimitError):
        stack.openai(max_retries=0).responses.create(model="m", input="broken")
    with pytest.raises(anthropic.NotFoundError, match="nobody"):
        stack.anthropic().messages.create(**asked("hi") | {"model": "nobody"}, max_tokens=9)


def test_models_and_token_counts_are_served(stack: Blocking) -> None:
    assert [model.id for model in stack.openai().models.list()] == ["m"]
    assert stack.anthropic().messages.count_tokens(**asked("one two three")).input_tokens > 0


def test_a_client_of_ones_own_reaches_every_path(stack: Blocking) -> None:
    with httpx2.Client(transport=stack.transport(), base_url="http://any") as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/v1/chat/completions", json=asked("hi")).status_code == 200


def test_many_threads_ask_at_once(stack: Blocking) -> None:
    client = stack.openai()

    def ask(number: int) -> str:
        if number % 2:
            return client.responses.create(model="m", input="hi").output_text
        with client.responses.stream(model="m", input="hi") as stream:
            return stream.get_final_response().output_text

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(64))) == ["Hello"] * 64


# Calls without an SDK ----------------------------------------------------------------------------


def test_a_call_needs_no_sdk(stack: Blocking) -> None:
    whole = stack.handle("chat", "create", asked("hi"))
    assert whole.document is not None
    assert whole.document["choices"][0]["message"]["content"] == "Hello"
    streamed = stack.handle("chat", "create", asked("hi", stream=True))
    assert streamed.stream is not None
    assert b"".join(streamed.stream).endswith(b"data: [DONE]\n\n")


def test_a_stream_that_nobody_began_to_read_can_be_closed(stack: Blocking) -> None:
    streamed = stack.handle("chat", "create", asked("hang", stream=True))
    assert streamed.stream is not None
    assert running(stack) == 1
    streamed.stream.close()
    assert running(stack) == 0


def request(text: str) -> ir.Request:
    return ir.Request("m", (ir.Turn("user", (ir.Text(text),)),))


def test_generate_gives_canonical_events(stack: Blocking) -> None:
    events = list(stack.generate(request("hi")))
    assert isinstance(events[-1], ir.Finished)
    assert "".join(event.text for event in events if isinstance(event, ir.Delta)) == "Hello"
    with pytest.raises(StackError, match="no"):
        next(stack.generate(request("broken")))
    with closing(stack.generate(request("hang"))) as hanging:
        next(hanging)
        assert running(stack) == 1
    assert running(stack) == 0


# Its life ----------------------------------------------------------------------------------------


def test_the_thread_ends_with_the_stack() -> None:
    with Stack.load(SCRIPTED) as stack:
        assert "stack here" in [thread.name for thread in threading.enumerate()]
        client = stack.openai()
    assert "stack here" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="this stack has stopped"):
        client.models.list()
    stack.stop()


def test_a_stack_that_cannot_start_leaves_no_thread() -> None:
    broken = SCRIPTED | {"default_model": "nobody/nothing"}
    with pytest.raises(ConfigError), Stack.load(broken):
        pass
    engine = {"tiny": {"type": "llamacpp", "config": {"model": "/nowhere.gguf"}}}
    with pytest.raises(ConfigError, match="nowhere"), Stack.load(SCRIPTED | {"providers": engine}):
        pass
    assert "stack here" not in [thread.name for thread in threading.enumerate()]


def test_a_stack_starts_once_at_a_time() -> None:
    stack = Stack.load(SCRIPTED)
    with stack as first:
        with pytest.raises(RuntimeError, match="runs already"):
            stack.__enter__()
        assert first.openai().responses.create(model="m", input="hi").output_text == "Hello"
    with stack as again:
        assert again.openai().responses.create(model="m", input="hi").output_text == "Hello"


def test_who_waits_when_the_stack_stops_is_told() -> None:
    stack = Stack.load(SCRIPTED)
    blocking = stack.__enter__()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(blocking.handle, "chat", "create", asked("late"))
        while not running(blocking):
            time.sleep(0.001)
        stack.__exit__(None, None, None)
        with pytest.raises((RuntimeError, StackError)):
            late.result()


def test_the_stacks_own_thread_does_not_wait_for_itself(stack: Blocking) -> None:
    def ask() -> Any:
        return stack.openai(max_retries=0).models.list()

    async def on_the_loop() -> None:
        with pytest.raises(RuntimeError, match="own thread cannot wait"):
            ask()

    stack._thread.run(on_the_loop())


def test_an_interrupt_cancels_the_call(stack: Blocking) -> None:
    def interrupt() -> None:
        while not running(stack):
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        stack.openai().responses.create(model="m", input="late")
    thread.join()
    assert running(stack) == 0


def test_a_stream_that_is_forgotten_lets_go_on_any_thread(stack: Blocking) -> None:
    streams: list[Any] = [
        stack.openai().responses.create(model="m", input="hang", stream=True) for _ in range(2)
    ]
    for stream in streams:
        next(iter(stream))
    streams.pop()
    gc.collect()

    async def on_the_loop() -> None:
        streams.clear()
        gc.collect()

    stack._thread.run(on_the_loop())
    del stream
    while running(stack):
        gc.collect()
        time.sleep(0.001)


async def test_it_can_be_used_beside_a_loop_that_runs() -> None:
    with Stack.load(SCRIPTED) as stack:
        answer = await asyncio.to_thread(stack.openai().responses.create, model="m", input="hi")
        assert answer.output_text == "Hello"
