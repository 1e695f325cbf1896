"""Several choices in one answer: side by side in a stream, one after another in a document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden import CREATED, TOKEN
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from strategies import Script, scripts

from polystack.apis.chat.api import Chat
from polystack.apis.sse import Parser
from polystack.core.canon import ir
from polystack.core.canon.errors import Overloaded
from polystack.core.contract.api import Context

API = Chat()
DONE = b"data: [DONE]\n\n"


def request(n: int) -> ir.Request:
    sampling = ir.Sampling(n=n)
    extra: ir.Extra = {"chat": {"stream_options": {"include_usage": True}}}
    return ir.Request("m", (), sampling=sampling, extra=extra, origin="chat")


def context() -> Context:
    return Context(TOKEN, CREATED, "tiny")


def said(text: str, usage: ir.Usage | None = None) -> list[ir.Event]:
    return [
        ir.Started("up", "m"),
        ir.PartStarted(0, ir.Text("")),
        ir.Delta(0, text),
        ir.PartEnded(0),
        ir.Finished(ir.Stop("end"), usage),
    ]


def frames(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in Parser().feed(stream) if event.data != b"[DONE]"]


def test_nothing_ends_before_the_last_choice_has_finished() -> None:
    encoder = API.encoder(request(2), context())
    first = b"".join(encoder.feed(event, 1) for event in said("b"))
    assert DONE not in first
    assert all(chunk["usage"] is None for chunk in frames(first))
    second = b"".join(encoder.feed(event, 0) for event in said("a"))
    assert second.endswith(DONE)
    roles = [chunk["choices"][0] for chunk in frames(first + second) if chunk["choices"]]
    begun = [choice["index"] for choice in roles if choice["delta"].get("role") == "assistant"]
    assert begun == [1, 0]


def test_usage_counts_the_prompt_once_and_every_choices_output() -> None:
    counts = [ir.Usage(7, 2, cache_read=4, reasoning=1), ir.Usage(7, 5, reasoning=3)]
    encoder = API.encoder(request(2), context())
    stream = b"".join(
        encoder.feed(event, i) for i, usage in enumerate(counts) for event in said("x", usage)
    )
    last = frames(stream)[-1]
    assert last["choices"] == []
    usage = last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (7, 7, 14)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 4
    whole = [ir.Response("", "", (ir.Text("x"),), ir.Stop("end"), count) for count in counts]
    assert API.document(request(2), whole, context())["usage"] == usage


@pytest.mark.parametrize("broken", [0, 1])
def test_the_failure_of_one_choice_is_the_end_of_all(broken: int) -> None:
    encoder = API.encoder(request(2), context())
    for event in said("whole"):
        encoder.feed(event, 1 - broken)
    encoder.feed(ir.Started("up", "m"), broken)
    stream = encoder.feed(ir.Failed(Overloaded("the queue is full")), broken)
    (shown,) = frames(stream)
    assert shown["error"] == {
        "message": "the queue is full",
        "type": "server_error",
        "param": None,
        "code": "server_is_overloaded",
    }
    assert DONE not in stream
    assert encoder.feed(ir.Started("up", "m"), 1 - broken) == b""


@settings(deadline=None)
@given(
    st.lists(scripts(kinds=("text", "function", "reasoning")), min_size=2, max_size=3), st.data()
)
def test_choices_that_come_interleaved_add_up_to_their_documents(
    choices: list[Script], data: st.DataObject
) -> None:
    n = len(choices)
    order = data.draw(st.permutations([i for i, s in enumerate(choices) for _ in s.events]))
    sources = [iter(script.events) for script in choices]
    encoder = API.encoder(request(n), context())
    stream = b"".join(encoder.feed(next(sources[i]), i) for i in order)
    assert stream.count(DONE) == 1
    whole = API.document(request(n), [script.response for script in choices], context())
    texts, reasons = [""] * n, [""] * n
    calls: list[list[str]] = [[] for _ in range(n)]
    for frame in frames(stream):
        ChatCompletionChunk.model_validate(frame)
        for choice in frame["choices"]:
            index, delta = choice["index"], choice["delta"]
            texts[index] += delta.get("content") or ""
            reasons[index] += choice["finish_reason"] or ""
            for call in delta.get("tool_calls", []):
                if "id" in call:
                    assert call["index"] == len(calls[index])
                    calls[index].append("")
                calls[index][call["index"]] += call["function"]["arguments"]
    for index, shown in enumerate(whole["choices"]):
        assert shown["index"] == index
        assert (shown["message"]["content"] or "") == texts[index]
        assert shown["finish_reason"] == reasons[index]
        arguments = [c["function"]["arguments"] for c in shown["message"].get("tool_calls", [])]
        assert arguments == calls[index]
