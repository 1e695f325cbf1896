"""Streams of upstreams that are not as complete, or not as honest, as OpenAI's."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses_cases as cases
from responses_cases import API

from polystack.core.canon import errors, ir
from polystack.core.canon.collect import collect

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi"}],
}
DONE = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}


def read(*events: dict[str, Any] | bytes) -> list[ir.Event]:
    decoder = API.decoder()
    found: list[ir.Event] = []
    for event in events:
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        found += decoder.feed("", data)
    return [*found, *decoder.close()]


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(kind: str, text: str, index: int = 0) -> dict[str, Any]:
    place = {"output_index": index, "content_index": 0}
    return {"type": f"response.{kind}.delta", "delta": text, **place}


def failure(events: list[ir.Event]) -> errors.StackError:
    assert isinstance(events[-1], ir.Failed)
    return events[-1].error


def test_done_items_and_the_completed_event_are_enough() -> None:
    answer = collect(read(done(MESSAGE), done(CALL, 1), DONE))
    assert answer.parts == (ir.Text("Hi"), ir.ToolCall("c", "f", '{"a":1}'))
    assert answer.stop.reason == "tool_call"
    assert answer.usage is None


def test_deltas_and_the_completed_event_are_enough_for_text() -> None:
    answer = collect(read(delta("output_text", "Hi"), delta("output_text", "!"), DONE))
    assert answer.parts == (ir.Text("Hi!"),)


def test_the_output_of_the_completed_event_is_enough() -> None:
    response = {"id": "r", "model": "m", "status": "completed", "output": [MESSAGE, CALL]}
    answer = collect(read({"type": "response.completed", "response": response}))
    assert (answer.id, answer.model) == ("r", "m")
    assert answer.parts == (ir.Text("Hi"), ir.ToolCall("c", "f", '{"a":1}'))


def test_what_a_done_item_knows_and_no_delta_said_is_added() -> None:
    events = read(
        added(CALL | {"arguments": ""}), delta("function_call_arguments", '{"a"'), done(CALL), DONE
    )
    assert [e.text for e in events if isinstance(e, ir.Delta)] == ['{"a"', ":1}"]


def test_arguments_that_contradict_their_deltas_are_a_failure() -> None:
    events = read(added(CALL), delta("function_call_arguments", '{"b"'), done(CALL), DONE)
    assert "contradict" in failure(events).message


def test_a_text_that_was_tidied_up_afterwards_stands_as_it_was_shown() -> None:
    answer = collect(read(delta("output_text", " Hi "), done(MESSAGE), DONE))
    assert answer.parts == (ir.Text(" Hi "),)


def test_two_items_at_one_index_are_a_failure_and_never_one_item() -> None:
    assert "share the output index 0" in failure(read(done(MESSAGE), done(CALL))).message
    twice = read(added(CALL), added(CALL | {"call_id": "d"}))
    assert "share the output index 0" in failure(twice).message


def test_reasoning_brings_its_summaries_and_its_seal() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "encrypted_content": "seal",
    }
    summary = {"output_index": 0, "summary_index": 0, "text": "a"}
    events = read(
        added(item | {"summary": []}),
        {"type": "response.reasoning_summary_text.done", **summary},
        done(item),
        DONE,
    )
    (part,) = collect(events).parts
    assert isinstance(part, ir.Reasoning)
    assert (part.summary, part.sealed, part.id) == (("a", "b"), "seal", "rs_1")
    turn = ir.Request("m", (ir.Turn("assistant", (part,)),), origin="messages")
    assert API.encode(turn, "m")[0]["input"] == [item]


def test_unknown_items_and_unknown_content_are_kept_whole_and_unknown_events_skipped() -> None:
    item: dict[str, Any] = {"type": "teleport_call", "id": "t"}
    content: dict[str, Any] = {"type": "output_hologram", "depth": 3}
    events = read(
        {"type": "response.teleport.in_progress"},
        done(item),
        done(MESSAGE | {"content": [content]}, 1),
        DONE,
    )
    assert collect(events).parts == (
        ir.Opaque("responses", "teleport_call", item),
        ir.Opaque("responses", "output_hologram", content, extra={"responses": {"_content": True}}),
    )


def test_what_a_message_says_beside_its_text_comes_back_in_an_answer_and_in_a_request() -> None:
    hologram = {"type": "output_hologram", "depth": 3}
    parts = collect(
        read(
            added(MESSAGE | {"phase": "commentary", "content": []}),
            done(MESSAGE | {"phase": "commentary"}),
            done(MESSAGE | {"content": [hologram]}, 1),
            DONE,
        )
    )
    request = API.decode({"model": "m", "input": "x"})
    first, second = API.document(request, [parts], cases.context())["output"]
    assert (first["phase"], first["content"][0]["text"]) == ("commentary", "Hi")
    assert (second["type"], second["content"]) == ("message", [hologram])
    history = ir.Request("m", (ir.Turn("assistant", parts.parts[:1]),), origin="messages")
    (item,) = API.encode(history, "m")[0]["input"]
    assert item["phase"] == "commentary"
    assert item["content"] == [{"type": "output_text", "text": "Hi"}]


@pytest.mark.parametrize(
    ("ending", "kind", "words"),
    [
        ({"type": "error", "message": "m", "code": "slow_down"}, errors.RateLimited, "m"),
        ({"type": "error", "error": {"message": "m"}}, errors.UpstreamError, "m"),
        ({"error": {"message": "m", "code": "server_is_overloaded"}}, errors.Overloaded, "m"),
        (
            {"type": "response.failed", "response": {"error": {"code": "x", "message": "m"}}},
            errors.UpstreamError,
            "m",
        ),
        (
            {"type": "response.failed", "response": {"error": {"code": "invalid_prompt"}}},
            errors.InvalidRequest,
            "without a reason",
        ),
        ({"type": "response.failed", "response": {}}, errors.UpstreamError, "without a reason"),
        ({"type": "response.cancelled", "response": {}}, errors.UpstreamError, "cancelled"),
        (
            {"type": "response.incomplete", "response": {}},
            errors.UpstreamError,
            "unknown reason: None",
        ),
        (
            {
                "type": "response.incomplete",
                "response": {"incomplete_details": {"reason": "boredom"}},
            },
            errors.UpstreamError,
            "unknown reason: 'boredom'",
        ),
        (b"{", errors.UpstreamError, "malformed"),
        (b"[]", errors.UpstreamError, "no JSON object"),
        (b"[DONE]", errors.UpstreamError, "ended before its answer did"),
        (delta("output_text", "x") | {"delta": 5}, errors.UpstreamError, "malformed"),
        (done({"type": "function_call"}), errors.UpstreamError, "malformed"),
    ],
)
def test_whatever_goes_wrong_is_a_failure(
    ending: dict[str, Any] | bytes, kind: type[errors.StackError], words: str
) -> None:
    events = read(delta("refusal", "No", 1), ending)
    assert type(failure(events)) is kind
    assert words in failure(events).message
    assert sum(isinstance(event, ir.Failed) for event in events) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"status": "in_progress", "output": []},
        {"status": "queued"},
        {"status": "teleported"},
        {"error": {"message": "m"}},
        {"status": "failed", "error": {"code": "server_error", "message": "m"}},
    ],
)
def test_an_answer_that_is_not_whole_is_a_failure(answer: object) -> None:
    assert isinstance(list(API.events(answer))[-1], ir.Failed)


def test_after_the_terminal_nothing_is_read() -> None:
    events = read(DONE, b"[DONE]", {"type": "error", "message": "late"})
    assert isinstance(events[-1], ir.Finished)


def test_a_stream_cut_at_any_byte_is_a_failure() -> None:
    stream = cases.text("tool_calls", "stream.sse").encode()
    for end in range(0, len(stream) - 2, 7):
        assert isinstance(cases.decode(stream[:end])[-1], ir.Failed)
