"""What the answers of an upstream that speaks Messages mean, its bad habits included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.apis.messages.api import Messages
from polystack.core.canon import errors, ir
from polystack.core.canon.collect import collect

API = Messages()
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude"}}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
STOP = {"type": "message_stop"}


def opened(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(index: int, kind: str, **delta: Any) -> dict[str, Any]:
    fields = {"type": kind, **delta}
    return {"type": "content_block_delta", "index": index, "delta": fields}


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def read(*wire: Any) -> list[ir.Event]:
    decoder = API.decoder()
    events = [event for each in wire for event in decoder.feed("", json.dumps(each).encode())]
    return [*events, *decoder.close()]


def failure(events: list[ir.Event]) -> str:
    assert isinstance(events[-1], ir.Failed)
    return events[-1].error.message


def test_blocks_that_overlap_are_parts_that_overlap() -> None:
    call = opened(1, type="tool_use", id="a", name="f", input={})
    events = read(
        START,
        opened(0, type="text", text=""),
        call,
        grown(0, "text_delta", text="Hi"),
        closed(1),
        closed(0),
        DELTA,
        STOP,
    )
    assert collect(events).parts == (ir.Text("Hi"), ir.ToolCall("a", "f", "{}"))


def test_an_unknown_block_is_kept_whole_with_what_its_deltas_added() -> None:
    events = read(
        START,
        opened(0, type="compaction", content="Long", encrypted_content=None),
        grown(0, "compaction_delta", content=" ago", encrypted_content="xyz"),
        closed(0),
        opened(1, type="server_tool_use", id="s", name="web_search", input={}),
        grown(1, "input_json_delta", partial_json='{"query":'),
        grown(1, "input_json_delta", partial_json='"x"}'),
        closed(1),
        DELTA,
        STOP,
    )
    first, second = collect(events).parts
    assert isinstance(first, ir.Opaque)
    assert isinstance(second, ir.Opaque)
    assert first.data == {
        "type": "compaction",
        "content": "Long ago",
        "encrypted_content": "xyz",
    }
    assert second.data["input"] == {"query": "x"}


def test_what_is_new_in_the_protocol_is_skipped() -> None:
    events = read(
        {"type": "ping"},
        START,
        {"type": "weather_report"},
        opened(0, type="text", text="", mood="calm"),
        grown(0, "mood_delta", mood="wild"),
        closed(0),
        {**DELTA, "context_management": {"applied_edits": []}},
        STOP,
    )
    answer = collect(events)
    assert answer.parts == (ir.Text("", extra={"messages": {"mood": "calm"}}),)
    assert answer.extra == {"messages": {"context_management": {"applied_edits": []}}}


def test_usage_is_cumulative_and_null_says_nothing() -> None:
    start = json.loads(json.dumps(START))
    start["message"]["usage"] = {
        "input_tokens": 5,
        "cache_read_input_tokens": 10,
        "output_tokens": 1,
        "service_tier": "standard",
    }
    usage = {"output_tokens": 7, "cache_read_input_tokens": None}
    events = read(start, {**DELTA, "usage": usage}, STOP)
    started, finished = events
    assert isinstance(started, ir.Started)
    assert isinstance(finished, ir.Finished)
    kept = {"messages": {"service_tier": "standard"}}
    assert started.usage == ir.Usage(15, 1, 10, extra=kept)
    assert finished.usage == ir.Usage(15, 7, 10, extra=kept)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ([START, DELTA], "ended before its answer did"),
        ([], "ended before its answer did"),
        ([START, STOP], "stopped for a reason that is unknown here: None"),
        (
            [START, {"type": "message_delta", "delta": {"stop_reason": "bored"}}, STOP],
            "stopped for a reason that is unknown here: 'bored'",
        ),
        ([opened(0, type="text", text="")], "content_block_start before message_start"),
        ([START, START], "message_start twice"),
        ([START, grown(0, "text_delta", text="x")], "content block 0, which is not open"),
        (
            [START, opened(0, type="text", text=""), closed(0), opened(0, type="text", text="")],
            "opened content block 0 twice",
        ),
        ([START, opened(0, type="text", text=""), DELTA, STOP], "never closed content blocks [0]"),
        ([START, opened(0, type="text")], "without a str in 'text'"),
        ([5], "not an object"),
    ],
)
def test_an_upstream_that_breaks_the_protocol_fails_the_answer(
    wire: list[Any], message: str
) -> None:
    events = read(*wire)
    assert isinstance(events[-1], ir.Failed)
    assert isinstance(events[-1].error, errors.UpstreamError)
    assert message in failure(events)


def test_nothing_follows_a_terminal() -> None:
    decoder = API.decoder()
    for wire in (START, DELTA, STOP):
        decoder.feed("", json.dumps(wire).encode())
    assert [*decoder.feed("", b"[DONE]"), *decoder.close()] == []


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("overloaded_error", "busy", errors.Overloaded),
        ("rate_limit_error", "slow down", errors.RateLimited),
        ("timeout_error", "late", errors.UpstreamTimeout),
        ("api_error", "oops", errors.UpstreamError),
        ("authentication_error", "credentials", errors.UpstreamError),
        ("tomorrows_error", "?", errors.UpstreamError),
        (
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
            errors.ContextOverflow,
        ),
    ],
)
def test_an_error_in_mid_stream_is_what_it_says(
    kind: str, message: str, expected: type[errors.StackError]
) -> None:
    wire = {"type": "error", "error": {"type": kind, "message": message}}
    for events in (read(START, wire), list(API.events(wire))):
        assert isinstance(events[-1], ir.Failed)
        assert type(events[-1].error) is expected
        assert message in failure(events)


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.InvalidRequest),
        (401, errors.UpstreamError),
        (403, errors.UpstreamError),
        (404, errors.NotFound),
        (413, errors.TooLarge),
        (429, errors.RateLimited),
        (500, errors.UpstreamError),
        (503, errors.Overloaded),
        (504, errors.UpstreamTimeout),
        (529, errors.Overloaded),
    ],
)
def test_every_status_of_an_upstream_has_its_error(
    status: int, expected: type[errors.StackError]
) -> None:
    body = json.dumps({"type": "error", "error": {"type": "x", "message": "why"}}).encode()
    error = API.decode_error(status, {"retry-after": "7"}, body)
    assert type(error) is expected
    if status not in (401, 403):
        assert (error.message, error.retry_after) == ("why", 7.0)


def test_an_upstreams_overflow_is_told_in_the_words_that_clients_parse() -> None:
    body = b'{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}'
    error = API.decode_error(400, {}, body)
    assert isinstance(error, errors.ContextOverflow)
    assert (error.tokens, error.limit) == (210000, 200000)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sk-ant-api03-abcdefgh", "[secret]"),
        ("Bearer abc.def", "[secret]"),
        ("https://user:pw@inside.example/v1?key=1", "[address]"),
        ("10.0.0.7:8080", "[address]"),
    ],
)
def test_secrets_and_addresses_of_an_upstream_stay_here(secret: str, shown: str) -> None:
    body = json.dumps({"error": {"message": f"bad: {secret} (see docs)"}}).encode()
    assert API.decode_error(500, {}, body).message == f"bad: {shown} (see docs)"
    assert secret not in API.decode_error(401, {}, body).message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 5}'])
def test_an_upstream_that_says_nothing_useful_is_named_by_its_status(body: bytes) -> None:
    assert API.decode_error(502, {}, body).message == "the upstream answered 502"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_comes_in_many_spellings(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert API.decode_error(429, headers, b"").retry_after == seconds
