"""Messages of a connection, sans-IO: what they ask for, and what an answer becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.apis.responses.connection import Connection
from polystack.core.contract.connection import Wanted, Writing

STREAM = (
    b'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n'
    b": a comment is no message\n\n"
    b'event: response.completed\ndata: {"type":"response.completed","n":"\xc3\xa5"}\n\n'
)


def writing(lane: str = "") -> Writing:
    return Connection({}).write(Wanted("create", {}, lane))


@pytest.mark.parametrize("size", [1, 7, len(STREAM)])
def test_every_event_is_a_message_however_the_stream_is_cut(size: int) -> None:
    write = writing()
    chunks = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    messages = [message for chunk in chunks for message in write.feed(chunk)]
    assert messages == [
        b'{"type":"response.created","sequence_number":0}',
        '{"type":"response.completed","n":"å"}'.encode(),
    ]


def test_the_lane_of_a_call_is_in_all_its_messages() -> None:
    messages = [json.loads(message) for message in writing("a").feed(STREAM)]
    assert [message["stream_id"] for message in messages] == ["a", "a"]


LOSSY = (
    b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n'
    b": x-stack-fidelity dropped=output.0\n\n"
    b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r"}}\n\n'
)


def test_what_an_answer_lost_is_in_its_last_response() -> None:
    write = writing()
    write.head({"x-stack-fidelity": "approximated=tools.0"})
    first, last = (json.loads(message)["response"] for message in write.feed(LOSSY))
    assert first == {}
    told = "approximated=tools.0; dropped=output.0"
    assert last == {"id": "r", "x_stack_fidelity": told}


def test_an_answer_that_lost_nothing_does_not_speak_of_it() -> None:
    write = writing()
    write.head({"x-stack-fidelity": "exact"})
    assert b"fidelity" not in b"".join(write.feed(STREAM))


@pytest.mark.parametrize(
    "data",
    [
        {"type": "error", "code": "c", "message": "m", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"type": "server_error", "code": "c", "message": "m"}},
    ],
    ids=["flat", "nested"],
)
def test_an_error_within_a_stream_becomes_one_of_a_websocket(data: dict[str, Any]) -> None:
    (message,) = writing().feed(b"event: error\ndata: " + json.dumps(data).encode() + b"\n\n")
    said = json.loads(message)
    assert (said["type"], said["status"]) == ("error", 502)
    assert (said["error"]["type"], said["error"]["code"]) == ("server_error", "c")
    assert said["error"]["message"] == "m"
    assert said["sequence_number"] == data.get("sequence_number", 0)


def test_an_error_with_a_status_keeps_it_and_says_when_to_come_again() -> None:
    error = {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "later"}
    headers = {"retry-after": "7", "content-type": "application/json"}
    said = json.loads(writing().whole(429, headers, {"error": error}))
    told = error | {"headers": {"retry-after": "7"}}
    assert said == {"type": "error", "status": 429, "error": told}


@pytest.mark.parametrize("document", [{"detail": "no"}, [], None, {"error": "no"}])
def test_an_error_in_no_known_form_is_one_all_the_same(document: object) -> None:
    said = json.loads(writing().whole(500, {}, document))
    assert (said["status"], said["error"]["type"]) == (500, "server_error")
    assert "500" in said["error"]["message"]


def test_an_answer_that_is_no_stream_is_its_own_end() -> None:
    said = json.loads(writing("a").whole(200, {}, {"id": "resp_1"}))
    assert said["type"] == "response.completed"
    assert (said["response"], said["stream_id"]) == ({"id": "resp_1"}, "a")


@pytest.mark.parametrize(
    ("fields", "generate"),
    [
        ({}, True),
        ({"generate": True}, True),
        ({"generate": False}, False),
        ({"generate": None}, True),
        ({"prompt_cache_options": {"prewarm": True}}, False),
        ({"prompt_cache_options": {"prewarm": True}, "generate": True}, False),
    ],
)
def test_what_is_only_to_be_prepared_is_not_generated(
    fields: dict[str, Any], generate: bool
) -> None:
    wanted = Connection({}).receive({"type": "response.create", "input": "x", **fields})
    assert isinstance(wanted, Wanted)
    assert wanted.generate is generate


def test_what_is_of_the_connection_is_not_in_the_call() -> None:
    message = {"type": "response.create", "stream": False, "stream_id": "a", "generate": True}
    wanted = Connection({}).receive(message | {"model": "m"})
    assert wanted == Wanted("create", {"model": "m", "stream": True}, "a")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("responses_websockets=2026-02-06", None),
        ("assistants=v2, responses_websockets=2026-02-06", "assistants=v2"),
        ("assistants=v2", "assistants=v2"),
    ],
)
def test_its_own_beta_goes_to_no_upstream(sent: str, kept: str | None) -> None:
    headers = Connection({"openai-beta": sent, "x-codex-turn-state": "s"}).headers
    assert headers.get("openai-beta") == kept
    assert headers["x-codex-turn-state"] == "s"
