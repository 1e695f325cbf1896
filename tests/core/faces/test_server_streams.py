"""Streams over HTTP: signs of life, failures, departures and keys, on scripted answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from serving import serving

DISTRIBUTION = """
version: 1
name: streams
apis: [messages, responses, chat]
server: {first_event_timeout: 0.2, keep_alive: 0.2, api_keys: [first-key, second-key]}
providers:
  demo:
    type: scripted
    config:
      answers:
        - {when: {text: slow}, delay: 0.7, pace: 0.5, parts: [{text: one two}]}
        - {when: {text: refuse}, error: {kind: rate_limited, message: later, retry_after: 7}}
        - {when: {text: full}, error: {kind: overloaded, message: later, retry_after: 999}}
        - {when: {text: tardy}, delay: 0.5, error: {kind: upstream, message: broken}}
        - when: {text: fail}
          parts: [{text: half an answer}]
          fail: {kind: upstream, message: broken}
        - {when: {text: hang}, hang: true, parts: [{text: and then}]}
        - {parts: [{text: hello}]}
models:
  strict: {provider: demo, fidelity: strict}
default_model: demo/scripted
"""
KEY = {"authorization": "Bearer first-key"}
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}
every_api = pytest.mark.parametrize("api", PATHS)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("streams") / "streams.yaml"
    path.write_text(DISTRIBUTION)
    with serving(path) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url, timeout=20, headers=KEY) as client:
        yield client


def body(api: str, text: str, **fields: Any) -> dict[str, Any]:
    if api == "responses":
        return {"input": text, "stream": True} | fields
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "stream": True}
    return asked | ({"max_tokens": 50} if api == "messages" else {}) | fields


def lines(client: httpx2.Client, api: str, text: str) -> list[str]:
    answer = client.post(PATHS[api], json=body(api, text))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return answer.text.splitlines()


def data(found: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in found if line.startswith("data: {")]


# Signs of life -----------------------------------------------------------------------------------


def test_messages_clients_get_ping_events(client: httpx2.Client) -> None:
    kinds = [event["type"] for event in data(lines(client, "messages", "slow"))]
    assert kinds[0] == "ping"
    assert kinds.count("message_start") == 1
    begun = kinds.index("content_block_start")
    assert "ping" in kinds[begun:]
    assert kinds[-1] == "message_stop"


def test_responses_clients_get_data_events_since_codex_ignores_comments(
    client: httpx2.Client,
) -> None:
    found = lines(client, "responses", "slow")
    assert not [line for line in found if line.startswith(":")]
    events = data(found)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds.count("response.created") == 1
    begun = kinds.index("response.output_item.added")
    assert "response.in_progress" in kinds[begun:]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert len({e["response"]["id"] for e in events if "response" in e}) == 1
    assert kinds[-1] == "response.completed"


def test_chat_clients_get_comments(client: httpx2.Client) -> None:
    found = [line for line in lines(client, "chat", "slow") if line]
    assert found[0] == ": keep-alive"
    assert found.count(": keep-alive") > 1
    assert found[-1] == "data: [DONE]"


# Failures ----------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_before_the_start_keeps_its_status(
    client: httpx2.Client, api: str, stream: bool
) -> None:
    answer = client.post(PATHS[api], json=body(api, "refuse", stream=stream))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert answer.json()["error"]["message"] == "later"


@pytest.mark.parametrize(
    ("api", "status", "kind"),
    [
        ("messages", 529, "overloaded_error"),
        ("responses", 503, "server_error"),
        ("chat", 503, "server_error"),
    ],
)
def test_a_full_queue_is_each_protocols_own_overload(
    client: httpx2.Client, api: str, status: int, kind: str
) -> None:
    answer = client.post(PATHS[api], json=body(api, "full"))
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    # A client sleeps as long as it is told.
    assert answer.headers["retry-after"] == "60"


@every_api
def test_a_failure_after_the_headers_went_out_is_an_error_in_the_stream(
    client: httpx2.Client, api: str
) -> None:
    last = data(lines(client, api, "tardy"))[-1]
    error = last["response"]["error"] if api == "responses" else last["error"]
    assert error["message"] == "broken"


def test_a_failed_message_ends_with_an_error_event(client: httpx2.Client) -> None:
    found = lines(client, "messages", "fail")
    assert found[-3] == "event: error"
    kinds = [event["type"] for event in data(found)]
    assert kinds[-1] == "error"
    assert not {"message_stop", "message_delta"} & set(kinds)


def test_a_failed_response_ends_with_response_failed(client: httpx2.Client) -> None:
    last = data(lines(client, "responses", "fail"))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "broken"}
    assert last["response"]["output"][0]["content"][0]["text"] == "half an answer"


def test_a_failed_chat_ends_with_an_error_and_without_done(client: httpx2.Client) -> None:
    found = lines(client, "chat", "fail")
    assert data(found)[-1]["error"]["message"] == "broken"
    assert "data: [DONE]" not in found
    assert not any(c.get("finish_reason") for e in data(found) for c in e.get("choices", []))


@every_api
def test_a_failure_of_a_whole_answer_is_no_answer(client: httpx2.Client, api: str) -> None:
    answer = client.post(PATHS[api], json=body(api, "fail", stream=False))
    assert answer.status_code == 502
    assert answer.json()["error"]["message"] == "broken"


# Departures --------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_is_not_waited_for(url: str, api: str, stream: bool) -> None:
    """The server ends cleanly at its end, which it could not with a call still hanging."""
    host, port = url.removeprefix("http://").split(":")
    content = json.dumps(body(api, "hang", stream=stream)).encode()
    head = f"POST {PATHS[api]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer first-key\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        if stream:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")


# Keys --------------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}])
def test_without_a_key_nobody_gets_in(url: str, api: str, headers: dict[str, str]) -> None:
    answer = httpx2.post(url + PATHS[api], json=body(api, "hello"), headers=headers)
    assert answer.status_code == 401
    kind = "authentication_error" if api == "messages" else "invalid_request_error"
    assert answer.json()["error"]["type"] == kind
    assert "key" in answer.json()["error"]["message"]


@every_api
@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer second-key"}, {"x-api-key": "first-key"}]
)
def test_a_key_is_taken_either_way(url: str, api: str, headers: dict[str, str]) -> None:
    answer = httpx2.post(url + PATHS[api], json=body(api, "hello", stream=False), headers=headers)
    assert answer.status_code == 200
    assert "hello" in answer.text


def test_health_needs_no_key_and_models_do(url: str) -> None:
    assert httpx2.head(url + "/").status_code == 200
    assert httpx2.get(url + "/health").json()["status"] == "ok"
    assert httpx2.get(url + "/v1/models").status_code == 401


# What every answer carries -----------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("stream", [True, False])
def test_every_answer_says_what_it_lost_and_how_it_went(
    client: httpx2.Client, api: str, stream: bool
) -> None:
    answer = client.post(PATHS[api], json=body(api, "hello", stream=stream))
    assert answer.headers["x-stack-fidelity"] == "exact"
    assert answer.headers["x-stack-route"] == "translated"
    assert answer.headers["x-request-id"] == answer.headers["request-id"]
    assert "hello" in answer.text
