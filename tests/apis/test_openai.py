"""The error envelope of OpenAI's protocols, both ways."""

from __future__ import annotations

import json

import pytest

from polystack.apis.openai import decode_error, encode_error
from polystack.core.canon import errors


def body(**fault: object) -> bytes:
    return json.dumps({"error": fault}).encode()


@pytest.mark.parametrize(("asked", "told"), [(0.2, "1"), (7, "7"), (9_999, "60"), (-3, "0")])
def test_clients_sleep_as_long_as_they_are_told_so_it_is_never_long(
    asked: float, told: str
) -> None:
    rendered = encode_error(errors.RateLimited("later", retry_after=asked), "req_1")
    assert rendered.status == 429
    assert rendered.headers["retry-after"] == told
    assert rendered.headers["x-request-id"] == "req_1"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (404, errors.NotFound),
        (429, errors.RateLimited),
        (500, errors.UpstreamError),
        (502, errors.UpstreamError),
        (503, errors.Overloaded),
        (529, errors.Overloaded),
    ],
)
def test_an_upstreams_status_keeps_its_meaning(status: int, kind: type[errors.StackError]) -> None:
    assert type(decode_error(status, {}, body(message="no"))) is kind


@pytest.mark.parametrize("status", [401, 403])
def test_an_upstream_that_refuses_our_key_is_not_the_clients_fault(status: int) -> None:
    error = decode_error(status, {}, body(message="Incorrect API key provided: sk-abcdef123456"))
    assert (type(error), error.status) == (errors.UpstreamError, 502)
    assert "sk-" not in error.message


def test_addresses_and_secrets_are_cut_out_of_an_upstreams_words() -> None:
    words = "POST http://10.1.2.3:80/v1?key=x failed for sk-abcdefgh and Bearer abc.def at 10.1.2.3"
    message = decode_error(500, {}, body(message=words)).message
    for secret in ("10.1.2.3", "sk-abc", "abc.def", "http://"):
        assert secret not in message


def test_an_overflow_is_recognised_with_its_numbers() -> None:
    words = "This model's maximum context length is 8192 tokens, but you asked for 10000 tokens"
    error = decode_error(400, {}, body(message=words, code="context_length_exceeded"))
    assert isinstance(error, errors.ContextOverflow)
    assert (error.tokens, error.limit) == (10_000, 8_192)


@pytest.mark.parametrize("raw", [b"", b"<html>bad gateway</html>", b"[]", b"null"])
def test_an_answer_that_is_no_error_object_still_is_an_error(raw: bytes) -> None:
    assert decode_error(502, {}, raw).message == "the upstream answered with status 502"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "3"}, 3.0), ({"retry-after-ms": "250"}, 0.25), ({"retry-after": "x"}, None)],
)
def test_retry_after_is_read_in_both_units(headers: dict[str, str], seconds: float | None) -> None:
    assert decode_error(429, headers, body(message="later")).retry_after == seconds
