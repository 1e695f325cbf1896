"""Bad input over HTTP: status, envelope and message, in the client's own protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from serving import serving

DISTRIBUTION = """
version: 1
name: inputs
apis: [messages, responses, chat]
server: {max_body: 100KB, max_depth: 40, websocket: false}
providers:
  tiny: {type: llamacpp, config: {model: "builtin:tiny", context: 512, slots: 2}}
"""
MESSAGE = {"role": "user", "content": "Say hello"}
BODIES: dict[str, dict[str, Any]] = {
    "messages": {"model": "tiny", "max_tokens": 8, "messages": [MESSAGE]},
    "responses": {"model": "tiny", "input": "Say hello"},
    "chat": {"model": "tiny", "messages": [MESSAGE]},
}
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}
LONG = "word " * 2000
DEEP = json.loads("[" * 50 + "]" * 50)

pytestmark = pytest.mark.engine
every_api = pytest.mark.parametrize("api", PATHS)
both_modes = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    path: Path = tmp_path_factory.mktemp("inputs") / "inputs.yaml"
    path.write_text(DISTRIBUTION)
    with serving(path) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def error_of(api: str, answer: httpx2.Response) -> dict[str, Any]:
    """The error of an answer, after a look at its envelope."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    if api == "messages":
        assert set(body) == {"type", "error", "request_id"}
        assert body["type"] == "error"
        assert body["request_id"] == answer.headers["request-id"]
    else:
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"].startswith("req_")
    error: dict[str, Any] = body["error"]
    assert "Traceback" not in error["message"]
    return error


def post(client: httpx2.Client, api: str, body: Any, **fields: Any) -> httpx2.Response:
    if isinstance(body, bytes):
        return client.post(PATHS[api], content=body)
    return client.post(PATHS[api], json=body | fields)


@every_api
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"model": "tiny",', "the request body is not valid JSON: "),
        (b"", "the request body is not valid JSON: the body is empty"),
        (b"[]", "the request body must be a JSON object, not an array"),
        (b'{"model": "a", "model": "b"}', "the key 'model' stands twice in one object"),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "nested more than 40 levels deep"),
        (b"\xff\xfe", "the request body is not UTF-8"),
    ],
)
def test_a_body_that_is_no_good_json(
    client: httpx2.Client, api: str, body: bytes, message: str
) -> None:
    answer = post(client, api, body)
    assert answer.status_code == 400
    error = error_of(api, answer)
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]


@every_api
@both_modes
def test_an_unknown_model_is_a_404_with_near_matches(
    client: httpx2.Client, api: str, stream: bool
) -> None:
    answer = post(client, api, BODIES[api], model="tinny", stream=stream)
    assert answer.status_code == 404
    error = error_of(api, answer)
    assert error["message"] == "model 'tinny' is not served here; did you mean 'tiny'?"
    assert error["type"] == ("not_found_error" if api == "messages" else "invalid_request_error")
    assert error.get("code") == (None if api == "messages" else "model_not_found")


@every_api
def test_no_model_and_no_default_is_named(client: httpx2.Client, api: str) -> None:
    body = {key: value for key, value in BODIES[api].items() if key != "model"}
    answer = post(client, api, body)
    assert answer.status_code == 400
    assert error_of(api, answer)["message"].startswith("model: field required")


def test_messages_needs_max_tokens(client: httpx2.Client) -> None:
    answer = post(client, "messages", {"model": "tiny", "messages": [MESSAGE]})
    assert answer.status_code == 400
    assert error_of("messages", answer)["message"] == "max_tokens: field required"


@pytest.mark.parametrize(
    ("api", "fields", "message"),
    [
        ("messages", {"messages": "hello"}, "messages: "),
        ("messages", {"max_tokens": "many"}, "max_tokens: "),
        ("messages", {"max_tokens": -1}, "max_tokens: "),
        ("messages", {"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role: "),
        ("messages", {"messages": [{"role": "user", "content": 5}]}, "messages.0.content: "),
        ("messages", {"temperature": "hot"}, "temperature: "),
        ("responses", {"input": 5}, "input: "),
        ("responses", {"max_output_tokens": "many"}, "max_output_tokens: "),
        ("responses", {"tools": {"a": 1}}, "tools: "),
        ("responses", {"temperature": -3}, "temperature: "),
        ("chat", {"messages": "hello"}, "messages: "),
        ("chat", {"messages": []}, "messages: at least one"),
        ("chat", {"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role: "),
        ("chat", {"n": 0}, "n: "),
        ("chat", {"n": 99}, "n: "),
        ("chat", {"stream": "yes"}, "stream: "),
        ("chat", {"top_logprobs": 3}, "top_logprobs: needs logprobs"),
    ],
)
def test_a_wrong_type_or_value_names_its_field(
    client: httpx2.Client, api: str, fields: dict[str, Any], message: str
) -> None:
    answer = post(client, api, BODIES[api], **fields)
    assert answer.status_code == 400
    error = error_of(api, answer)
    assert error["message"].startswith(message)
    assert error["type"] == "invalid_request_error"


@every_api
@both_modes
def test_a_prompt_longer_than_the_context(client: httpx2.Client, api: str, stream: bool) -> None:
    prompt = {"input": LONG} if api == "responses" else {"messages": [{**MESSAGE, "content": LONG}]}
    answer = post(client, api, BODIES[api], **prompt, stream=stream)
    assert answer.status_code == 400
    error = error_of(api, answer)
    assert error["message"].startswith("prompt is too long: ")
    # One token of the 512 is left for the answer.
    assert re.search(r" \d{4} tokens > 511 maximum", error["message"])
    if api != "messages":
        assert error["code"] == "context_length_exceeded"


@every_api
def test_a_body_larger_than_the_limit(client: httpx2.Client, api: str) -> None:
    answer = post(client, api, BODIES[api], padding="x" * 100_000)
    assert answer.status_code == 413
    message = error_of(api, answer)["message"]
    assert message == "the request body is larger than 100000 bytes, this stack's limit"


@every_api
def test_a_chunked_body_larger_than_the_limit(client: httpx2.Client, api: str) -> None:
    answer = client.post(PATHS[api], content=iter([b"x" * 60_000] * 2))
    assert answer.status_code == 413
    error_of(api, answer)


@every_api
def test_a_compressed_body_is_refused_by_name(client: httpx2.Client, api: str) -> None:
    answer = client.post(PATHS[api], content=b"xxx", headers={"content-encoding": "gzip"})
    assert answer.status_code == 400
    assert "content-encoding 'gzip' is not taken" in error_of(api, answer)["message"]


@every_api
def test_a_wrong_method_is_a_405_that_names_the_right_one(client: httpx2.Client, api: str) -> None:
    answer = client.get(PATHS[api])
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert error_of(api, answer)["message"] == f"GET {PATHS[api]} is not served; use POST"


@every_api
def test_a_websocket_upgrade_is_a_426_where_they_are_switched_off(
    client: httpx2.Client, api: str
) -> None:
    key = {"sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    answer = client.get(PATHS[api], headers={"connection": "upgrade", "upgrade": "websocket"} | key)
    assert answer.status_code == 426
    assert "use HTTP" in error_of(api, answer)["message"]


def test_an_unknown_path_is_a_404_in_the_clients_dialect(client: httpx2.Client) -> None:
    for api, headers in (("messages", {"anthropic-version": "2026-10-21"}), ("responses", {})):
        answer = client.post("/v1/nothing", json={}, headers=headers)
        assert answer.status_code == 404
        assert "POST /v1/nothing is not served here" in error_of(api, answer)["message"]


def test_an_unknown_model_by_its_path(client: httpx2.Client) -> None:
    answer = client.get("/v1/models/nothing")
    assert answer.status_code == 404
    assert error_of("responses", answer)["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("api", "fields", "path"),
    [
        (
            "messages",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
                        ],
                    }
                ]
            },
            "messages.0.content.0",
        ),
        (
            "responses",
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
            "input.0.content.0",
        ),
        (
            "chat",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}
                ]
            },
            "messages.0.content.0",
        ),
    ],
)
def test_a_file_id_without_a_files_store_is_named(
    client: httpx2.Client, api: str, fields: dict[str, Any], path: str
) -> None:
    answer = post(client, api, BODIES[api], **fields)
    assert answer.status_code == 400
    assert error_of(api, answer)["message"].startswith(f"{path}: file 'file_1' cannot be read")


def test_the_stack_still_answers_after_all_that(client: httpx2.Client) -> None:
    for api, body in BODIES.items():
        assert post(client, api, body).status_code == 200
