"""What an upstream's Chat stream means, its bad habits included."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
from golden import Golden

from polystack.apis.chat.api import Chat
from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import StackError

API = Chat()
GOLDEN = Golden(API)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> Any:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "x", "model": "m", "choices": [choice], **more}


def call(index: int, **fields: Any) -> Any:
    return chunk({"tool_calls": [{"index": index, **fields}]})


def read(*chunks: Any, done: bool = True) -> list[ir.Event]:
    decoder = API.decoder()
    events = [e for each in chunks for e in decoder.feed("", json.dumps(each).encode())]
    if done:
        events += decoder.feed("", b"[DONE]")
    return [*events, *decoder.close()]


def failure(*chunks: Any, done: bool = True) -> StackError:
    last = read(*chunks, done=done)[-1]
    assert isinstance(last, ir.Failed)
    return last.error


def test_a_late_tool_delta_goes_to_its_call_and_text_has_ended_before_it() -> None:
    answer = collect(
        read(
            call(0, id="a", function={"name": "f", "arguments": "{"}),
            chunk({"content": "text"}),
            call(0, function={"arguments": "}"}),
            call(1, id="b", function={"name": "g", "arguments": "{}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (
        ir.ToolCall("a", "f", "{}"),
        ir.Text("text"),
        ir.ToolCall("b", "g", "{}"),
    )


def test_a_call_whose_id_comes_late_waits_for_it() -> None:
    answer = collect(
        read(
            call(0, function={"name": "f", "arguments": '{"a"'}),
            call(0, id="late", function={"arguments": ": 1}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (ir.ToolCall("late", "f", '{"a": 1}'),)


def test_a_call_that_never_gets_an_id_is_a_failure() -> None:
    error = failure(call(0, function={"name": "f"}), chunk(finish="tool_calls"))
    assert error.message == "the upstream sent a tool call without id"


def test_reasoning_has_two_spellings() -> None:
    for name in ("reasoning", "reasoning_content"):
        answer = collect(read(chunk({name: "Hm"}), chunk({"content": "Hi"}), chunk(finish="stop")))
        assert answer.parts == (ir.Reasoning("Hm"), ir.Text("Hi"))


def test_usage_may_follow_the_finish_reason() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    tail = {"id": "x", "model": "m", "choices": [], "usage": usage}
    answer = collect(read(chunk({"content": "a"}), chunk(finish="stop"), tail))
    assert answer.usage == ir.Usage(9, 3)


def test_a_missing_done_after_the_finish_reason_is_no_fault() -> None:
    assert collect(read(chunk({"content": "a"}, "stop"), done=False)).stop.reason == "end"


@pytest.mark.parametrize("done", [True, False])
def test_a_stream_without_a_finish_reason_has_failed(done: bool) -> None:
    error = failure(chunk({"content": "a"}), done=done)
    assert error.message == "the upstream's stream ended before its answer"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "out of memory", "code": "x"}},
        {"object": "error", "message": "out of memory", "code": 500},
        {"error": "out of memory"},
    ],
)
def test_an_error_in_the_stream_is_a_failure(body: dict[str, Any]) -> None:
    assert failure(chunk({"content": "a"}), body).message.startswith(("out of memory", "the up"))


@pytest.mark.parametrize("reason", ["error", "something_new"])
def test_an_unknown_finish_reason_is_never_a_success(reason: str) -> None:
    assert f"unknown reason, {reason!r}" in failure(chunk({"content": "a"}, reason)).message


def test_what_is_not_json_is_a_failure() -> None:
    decoder = API.decoder()
    (failed,) = decoder.feed("", b"<html>")
    assert isinstance(failed, ir.Failed)
    assert list(decoder.close()) == []


def test_a_document_without_choices_or_with_an_error_is_a_failure() -> None:
    documents: list[Any] = [{"choices": []}, {"error": {"message": "no"}}, [], {"choices": [{}]}]
    for document in documents:
        (last,) = API.events(document)
        assert isinstance(last, ir.Failed)


@pytest.mark.parametrize("case", [c for c in GOLDEN.answers if c != "length"])
def test_the_sdks_helper_folds_a_golden_stream_into_the_golden_message(case: str) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        stream = GOLDEN.encode(GOLDEN.request(case), GOLDEN.events(case))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    transport = httpx2.MockTransport(handler)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        body = {k: v for k, v in GOLDEN.request(case).items() if k != "stream"}
        if case == "custom_tool":
            chunks = list(client.chat.completions.create(**body, stream=True))
            assert chunks[-1].choices[0].finish_reason == "tool_calls"
            return
        extra = {k: body.pop(k) for k in list(body) if k not in ("model", "messages")}
        with client.chat.completions.stream(**body, extra_body=extra) as stream:
            final = stream.get_final_completion().choices[0]
    golden = GOLDEN.response(case)["choices"][0]
    assert final.finish_reason == golden["finish_reason"]
    assert final.message.content == golden["message"]["content"]
    assert final.message.refusal == golden["message"]["refusal"]
    calls = [(c.id, c.function.name, c.function.arguments) for c in final.message.tool_calls or []]
    assert calls == [
        (c["id"], c["function"]["name"], c["function"]["arguments"])
        for c in golden["message"].get("tool_calls", [])
    ]
