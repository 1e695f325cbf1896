"""Errors in OpenAI's envelope, and what an upstream's errors become here."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest
from responses_cases import API

from polystack.core.canon import errors
from polystack.core.contract.provider import Model, TokenCount

KINDS: list[tuple[errors.StackError, int, str, str | None]] = [
    (errors.InvalidRequest("x", param="p"), 400, "invalid_request_error", None),
    (errors.ContextOverflow(9, 5), 400, "invalid_request_error", "context_length_exceeded"),
    (errors.NotSupported("x"), 400, "invalid_request_error", "unsupported_value"),
    (errors.Unauthenticated("x"), 401, "invalid_request_error", "invalid_api_key"),
    (errors.PermissionDenied("x"), 403, "permission_error", None),
    (errors.UnknownModel("x"), 404, "invalid_request_error", "model_not_found"),
    (errors.MethodNotAllowed("x"), 405, "invalid_request_error", None),
    (errors.Conflict("x"), 409, "invalid_request_error", None),
    (errors.TooLarge("x"), 413, "invalid_request_error", "request_too_large"),
    (errors.RateLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (errors.StackError("x"), 500, "server_error", None),
    (errors.UpstreamError("x"), 502, "server_error", None),
    (errors.Overloaded("x"), 503, "server_error", "server_is_overloaded"),
    (errors.UpstreamTimeout("x"), 504, "server_error", None),
]


@pytest.mark.parametrize(("error", "status", "kind", "code"), KINDS)
def test_an_error_has_openai_s_envelope(
    error: errors.StackError, status: int, kind: str, code: str | None
) -> None:
    rendered = API.encode_error(error, "req_1")
    assert rendered.status == status
    assert rendered.headers["x-request-id"] == "req_1"
    body = rendered.document["error"]
    assert body.keys() == {"message", "type", "param", "code"}
    assert (body["message"], body["type"], body["code"]) == (error.message, kind, code)


def test_an_overflow_names_the_input() -> None:
    body = API.encode_error(errors.ContextOverflow(9000, 8192), "req_1").document["error"]
    assert body["param"] == "input"
    assert "9000 tokens > 8192 maximum" in body["message"]


@pytest.mark.parametrize(("asked", "told"), [(0.2, "1"), (7, "7"), (86400, "60"), (-3, "0")])
def test_a_client_is_never_told_to_wait_long(asked: float, told: str) -> None:
    rendered = API.encode_error(errors.RateLimited("x", retry_after=asked), "req_1")
    assert rendered.headers["retry-after"] == told


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.InvalidRequest("no"), openai.BadRequestError),
        (errors.Unauthenticated("no"), openai.AuthenticationError),
        (errors.UnknownModel("no"), openai.NotFoundError),
        (errors.RateLimited("no"), openai.RateLimitError),
        (errors.UpstreamError("no"), openai.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_error_with_our_words(
    error: errors.StackError, raised: type[openai.APIStatusError]
) -> None:
    rendered = API.encode_error(error, "req_1")

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            rendered.status, headers=dict(rendered.headers), json=rendered.document
        )

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    sdk = openai.OpenAI(
        api_key="dummy", base_url="http://127.0.0.1:1/v1", http_client=http, max_retries=0
    )
    with sdk, pytest.raises(raised, match="no") as caught:
        sdk.responses.create(model="m", input="x")
    assert caught.value.request_id == "req_1"
    assert caught.value.code == error.code


# Errors of an upstream ---------------------------------------------------------------------------


def refused(status: int, body: object, **headers: str) -> errors.StackError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return API.decode_error(status, named, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (404, errors.NotFound),
        (408, errors.UpstreamTimeout),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.UpstreamError),
        (502, errors.UpstreamError),
        (503, errors.Overloaded),
        (504, errors.UpstreamTimeout),
        (529, errors.Overloaded),
        (418, errors.UpstreamError),
    ],
)
def test_an_upstream_s_status_keeps_its_meaning(status: int, kind: type[errors.StackError]) -> None:
    error = refused(status, {"error": {"message": "because", "param": "p", "code": "c"}})
    assert type(error) is kind
    assert (error.message, error.param, error.code) == ("because", "p", "c")


@pytest.mark.parametrize("status", [401, 403])
def test_an_upstream_s_refusal_of_our_key_is_our_fault_and_tells_nothing(status: int) -> None:
    error = refused(status, {"error": {"message": "Incorrect API key provided: sk-abcdef123456"}})
    assert type(error) is errors.UpstreamError
    assert "sk-" not in error.message


def test_addresses_and_secrets_are_cut_out_of_an_upstream_s_words() -> None:
    words = "key sk-proj_abcdefgh at http://10.0.0.5:9000/v1 (10.0.0.5:9000), Bearer abc"
    message = refused(500, {"error": {"message": words}}).message
    assert message == "key [secret] at [address] ([address]), [secret]"


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", b'"text"', b'{"error": 5}', b"\xff"]
)
def test_a_body_that_is_no_error_object_still_is_an_error(body: bytes) -> None:
    error = API.decode_error(502, {}, body)
    assert type(error) is errors.UpstreamError
    assert error.message == "the upstream answered with status 502"


def test_an_upstream_s_overflow_keeps_its_numbers() -> None:
    words = "maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens"
    error = refused(400, {"error": {"message": words, "code": "context_length_exceeded"}})
    assert isinstance(error, errors.ContextOverflow)
    assert (error.tokens, error.limit) == (9001, 8192)


def test_an_overflow_without_numbers_keeps_its_code() -> None:
    error = refused(400, {"error": {"message": "too long", "code": "context_length_exceeded"}})
    assert (type(error), error.code) == (errors.InvalidRequest, "context_length_exceeded")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after": "inf"}, None),
        ({}, None),
    ],
)
def test_an_upstream_s_retry_after_is_passed_on(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert refused(429, {"error": {"message": "slow"}}, **headers).retry_after == seconds


# Models and counts -------------------------------------------------------------------------------


def test_models_are_listed_in_openai_s_shape_with_their_sizes() -> None:
    tiny = Model("tiny", 4096, 1024, created=5)
    assert API.models([tiny, Model("big")]) == {
        "object": "list",
        "data": [
            {
                "id": "tiny",
                "object": "model",
                "created": 5,
                "owned_by": "polystack",
                "context_window": 4096,
                "max_output_tokens": 1024,
            },
            API.model(Model("big")),
        ],
        "has_more": False,
        "first_id": "tiny",
        "last_id": "big",
    }
    assert API.models([])["first_id"] is None


def test_a_count_is_what_the_sdk_expects() -> None:
    counted = openai.types.responses.InputTokenCountResponse.model_validate(
        API.count(TokenCount(7))
    )
    assert counted.input_tokens == 7
