"""What the errors of upstreams become, in each protocol: status, words, waits; and no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.core.canon import errors
from polystack.core.contract.api import Api

APIS: list[Api] = [Messages(), Responses(), Chat()]
every_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


def told(api: Api, status: int, body: object, **headers: str) -> errors.StackError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.decode_error(status, named, raw)


# Statuses ----------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.UpstreamError),
        (402, errors.UpstreamError),
        (403, errors.UpstreamError),
        (404, errors.NotFound),
        (405, errors.UpstreamError),
        (408, errors.UpstreamTimeout),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (418, errors.UpstreamError),
        (422, errors.InvalidRequest),
        (425, errors.UpstreamError),
        (429, errors.RateLimited),
        (500, errors.UpstreamError),
        (502, errors.UpstreamError),
        (503, errors.Overloaded),
        (504, errors.UpstreamTimeout),
        (520, errors.UpstreamError),
        (524, errors.UpstreamTimeout),
        (529, errors.Overloaded),
    ],
)
def test_a_status_keeps_its_meaning_and_the_refusal_of_our_key_is_ours(
    api: Api, status: int, kind: type[errors.StackError]
) -> None:
    error = told(api, status, {"error": {"message": "because"}}, retry_after="7")
    assert type(error) is kind
    if status in (401, 402, 403):
        assert "because" not in error.message
        assert str(status) in error.message
    else:
        assert (error.message, error.retry_after) == ("because", 7.0)


# Words -------------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"type": "error", "error": {"type": "api_error", "message": "no"}}, "no"),
        ({"error": "model 'x' is busy"}, "model 'x' is busy"),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["body", "top_k", 0], "msg": "too big"}]}, "body.top_k.0: too big"),
        ({"errors": [{"message": "no"}]}, "no"),
        ([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}], "no"),
        (
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": '{"error":{"message":"tools are not taken"}}'},
                }
            },
            "Provider returned error: tools are not taken",
        ),
        ({"error": {"message": "first\n\tsecond\x00"}}, "first second"),
    ],
)
def test_the_words_are_found_in_every_envelope(api: Api, body: object, words: str) -> None:
    assert told(api, 400, body).message == words


@every_api
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html><body>Bad gateway at 10.0.0.1</body></html>",
        b"upstream connect error",
        b"\x1f\x8b\x08\x00garbage",
        b"\xff\xfe",
        b"null",
        b"5",
        b"[]",
        b'"text"',
        b'{"error": 5}',
        b'{"error": {"message": {"nested": "thing"}}}',
        b'{"error": {"message": "<html><h1>502</h1></html>"}}',
        b"[" * 5000,
        b'{"error": {"message": "cut off',
    ],
)
def test_a_body_that_says_nothing_is_named_by_its_status(api: Api, body: bytes) -> None:
    message = told(api, 502, body).message
    assert re.fullmatch(r"the upstream answered (with status )?502", message)


SECRETS = [
    "sk-abcdefghijkl",
    "sk-ant-api03-abc_DEF-123",
    "sk-proj-abcdef123456",
    "sk-or-v1-0123456789abcdef",
    "sk-abcd****wxyz",
    "gsk_abcdefgh12345678",
    "xai-abcdefgh12345678",
    "hf_abcdefgh12345678",
    "nvapi-abcdefgh12345678",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "Bearer abc.def-ghi",
    "Basic dXNlcjpwYXNzd29yZA==",
    "api_key=hunter2",
    "API key provided: hunter2hunter2",
    '"api-key": "hunter2"',
    "password: hunter2",
]
ADDRESSES = [
    "http://10.1.2.3:80/v1?key=x",
    "https://user:pw@inside.example/v1",
    "postgres://user:pw@db/name",
    "10.1.2.3",
    "10.1.2.3:8000",
    "[::1]:8000",
    "fe80:0:0:0:1:2:3:4",
    "localhost:11434",
    "vllm.models.svc:8000",
    "gateway.corp",
    "node-3.internal:8443",
    "inference.example.com:8443",
    "/home/someone/models/x.gguf",
    "/usr/lib/python3/site-packages/vllm/x.py",
]


@every_api
@pytest.mark.parametrize("secret", SECRETS + ADDRESSES)
@pytest.mark.parametrize("sentence", ["{}", "failed for {}, try again", "({})", "at '{}'."])
def test_secrets_and_addresses_never_pass(api: Api, secret: str, sentence: str) -> None:
    body = {"error": {"message": sentence.format(secret)}}
    for error in (
        told(api, 500, body),
        told(api, 400, body),
        told(api, 401, body),
        api.fault(body),
    ):
        assert error is not None
        for piece in re.findall(r"[\w*-]{6,}|\d+\.\d+\.\d+\.\d+", secret):
            if piece.lower() not in ("bearer", "api_key", "api-key", "provided", "password"):
                assert piece not in error.message


@every_api
@pytest.mark.parametrize(
    "words",
    [
        "model 'qwen2.5:32b' not supported, try pulling it first",
        "messages.2.content.0.text: field required",
        "Missing bearer token",
        "max_tokens must be at least 1, got 0 (see the docs)",
        "Invalid 'input[3].call_id': string too long at 12:30:45",
        "the basic tier allows 5 requests per 1.5 s",
        "unknown field prompt_cache_key_retention",
        "tool_use ids were found without tool_result blocks: toolu_01A09q90qw90lq917835lq9",
        "POST /v1/messages is not served",
    ],
)
def test_ordinary_words_pass_whole(api: Api, words: str) -> None:
    assert told(api, 400, {"error": {"message": words}}).message == words


@every_api
def test_long_words_are_cut(api: Api) -> None:
    message = told(api, 400, {"error": {"message": "a.b-" * 100_000}}).message
    assert 100 < len(message) <= 1000


@given(st.sampled_from(APIS), st.binary(max_size=40), st.sampled_from([400, 404, 429, 500]))
def test_no_body_breaks_the_reading_of_an_error(api: Api, body: bytes, status: int) -> None:
    assert told(api, status, body).message


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from("error message type code detail errors loc msg metadata raw".split()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(APIS), json_values)
def test_no_document_breaks_the_reading_of_an_error(api: Api, document: Any) -> None:
    assert told(api, 500, document).message
    fault = api.fault(document)
    assert fault is None or fault.message


# A prompt that is too long -----------------------------------------------------------------------

OVERFLOWS = [
    ("prompt is too long: 208310 tokens > 200000 maximum", 208310, 200000),
    (
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease"
        " input length or `max_tokens` and try again",
        209573,
        200000,
    ),
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in"
        " 9001 tokens. Please reduce the length of the messages.",
        9001,
        8192,
    ),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
        " (4000 in the messages, 1000 in the completion).",
        5000,
        4096,
    ),
    (
        "This endpoint's maximum context length is 65,536 tokens. However, you requested about"
        " 70,000 tokens (69,000 of text input, 1,000 in the output).",
        70000,
        65536,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 30000. This model's maximum context"
        " length is 32768 tokens and your request has 5000 input tokens (30000 > 32768 - 5000).",
        35000,
        32768,
    ),
    (
        "You passed 5001 input tokens and requested 100 output tokens. However, the model's"
        " context length is only 4096 tokens, resulting in a maximum input length of 3996 tokens.",
        5101,
        4096,
    ),
    (
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make"
        " sure that `max_model_len` is no smaller than the number of text tokens.",
        5000,
        4096,
    ),
    (
        "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
        25938,
        4096,
    ),
    ("Input prompt (2664 tokens) is too long and exceeds limit of 2048", 2664, 2048),
    (
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        5000,
        4096,
    ),
    (
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You"
        " requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 more.",
        5000,
        4096,
    ),
    (
        "request (66202 tokens) exceeds the available context size (65536 tokens), try"
        " increasing it",
        66202,
        65536,
    ),
    (
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is"
        " loaded with context length of only 4096 tokens, which is not enough.",
        5000,
        4096,
    ),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        1200000,
        1048576,
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum"
        " context length",
        40000,
        32768,
    ),
    (
        "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
        150000,
        131072,
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"
        " `inputs` tokens and 100 `max_new_tokens`",
        5100,
        4096,
    ),
    ("Requested tokens (2285) exceed context window of 2048", 2285, 2048),
]


@every_api
@pytest.mark.parametrize(("words", "tokens", "limit"), OVERFLOWS)
def test_an_overflow_is_known_in_the_words_of_every_server(
    api: Api, words: str, tokens: int, limit: int
) -> None:
    error = told(api, 400, {"error": {"message": words}})
    assert isinstance(error, errors.ContextOverflow)
    assert (error.tokens, error.limit) == (tokens, limit)


@every_api
def test_an_overflow_with_its_numbers_beside_the_words_is_known(api: Api) -> None:
    fields = {
        "code": 400,
        "message": "the request exceeds the available context size. try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 14429,
        "n_ctx": 8192,
    }
    error = told(api, 400, {"error": fields})
    assert isinstance(error, errors.ContextOverflow)
    assert (error.tokens, error.limit) == (14429, 8192)


@every_api
@pytest.mark.parametrize(
    "fields",
    [
        {"message": "the input length exceeds the context length"},
        {"message": "Input is too long for requested model."},
        {"message": "reduce the length of the messages", "code": "context_length_exceeded"},
        {"message": "too long", "type": "exceed_context_size_error"},
    ],
)
def test_an_overflow_without_numbers_keeps_its_code(api: Api, fields: dict[str, str]) -> None:
    error = told(api, 400, {"error": fields})
    assert (type(error), error.code) == (errors.InvalidRequest, "context_length_exceeded")


@every_api
@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 100000. This model supports at most 4096 completion tokens",
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens",
        "image is too long: 9000 pixels > 8000 maximum",
        "thinking.budget_tokens: Input should be greater than or equal to 1024",
    ],
)
def test_other_things_that_are_too_large_are_no_overflow(api: Api, words: str) -> None:
    error = told(api, 400, {"error": {"message": words}})
    assert type(error) is errors.InvalidRequest
    assert error.code != "context_length_exceeded"


@pytest.mark.parametrize("error", [errors.ContextOverflow(9, 8), "coded"])
def test_each_client_is_told_of_an_overflow_in_the_form_that_it_parses(error: object) -> None:
    if not isinstance(error, errors.StackError):
        error = errors.InvalidRequest("shorten it", code="context_length_exceeded")
    messages, responses, chat = (api.encode_error(error, "req_1") for api in APIS)
    assert messages.document["error"]["message"].startswith("prompt is too long: ")
    assert responses.document["error"]["code"] == "context_length_exceeded"
    assert responses.document["error"]["param"] == "input"
    assert chat.document["error"]["code"] == "context_length_exceeded"
    assert chat.document["error"]["param"] == "messages"


def test_a_failed_response_has_the_code_of_an_overflow_without_numbers() -> None:
    error = errors.InvalidRequest("shorten it", code="context_length_exceeded")
    relay = Responses().relay()
    relay.feed(b'data: {"type":"response.created","response":{"id":"resp_1"}}\n\n')
    assert b'"code":"context_length_exceeded"' in relay.failure(error, "req_1")


# Models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS[1:], ids=lambda api: api.name)
@pytest.mark.parametrize(
    "fields",
    [
        {"message": "no", "code": "model_not_found"},
        {"message": "The model `x` does not exist."},
        {"message": 'model "x" not found, try pulling it first'},
    ],
)
def test_a_model_that_the_upstream_does_not_have_is_an_unknown_model(
    api: Api, fields: dict[str, str]
) -> None:
    error = told(api, 404, {"error": fields})
    assert (type(error), error.code) == (errors.UnknownModel, "model_not_found")


@pytest.mark.parametrize("api", APIS[1:], ids=lambda api: api.name)
@pytest.mark.parametrize(("code", "kept"), [("c", "c"), ("400", None), (400, None), ([], None)])
def test_a_code_that_is_only_the_status_is_none(api: Api, code: object, kept: str | None) -> None:
    assert told(api, 400, {"error": {"message": "no", "code": code}}).code == kept


# Waiting -----------------------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after_ms": "soon", "retry_after": "9"}, 9.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "retry_after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "retry_after": "Wed, 21 Oct 2026 07:28:30 +0000",
                "date": "Wed, 21 Oct 2026 09:28:00 +0200",
            },
            30.0,
        ),
        (
            {
                "retry_after": "Wed, 21 Oct 2026 07:00:00 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            0.0,
        ),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "yesterday"}, None),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": "Wed, 99 Oct"}, None),
    ],
)
def test_a_wait_is_read_in_every_spelling_and_a_date_against_the_answers_own(
    api: Api, headers: dict[str, str], seconds: float | None
) -> None:
    assert told(api, 429, {"error": {"message": "later"}}, **headers).retry_after == seconds


@every_api
@pytest.mark.parametrize(("asked", "shown"), [(0.2, "1"), (7, "7"), (9999, "60"), (-3, "0")])
def test_a_client_sleeps_as_long_as_it_is_told_so_it_is_never_long(
    api: Api, asked: float, shown: str
) -> None:
    rendered = api.encode_error(errors.RateLimited("later", retry_after=asked), "req_1")
    assert rendered.headers["retry-after"] == shown


@every_api
def test_a_client_is_told_not_to_retry_what_was_retried_here_and_only_then(api: Api) -> None:
    again = api.encode_error(errors.Overloaded("busy"), "req_1")
    enough = api.encode_error(errors.Overloaded("busy", retried=True), "req_1")
    assert "x-should-retry" not in again.headers
    assert enough.headers["x-should-retry"] == "false"


def ask_openai(http: httpx2.Client) -> None:
    with openai.OpenAI(api_key="dummy", base_url="http://up", http_client=http) as sdk:
        sdk.responses.create(model="m", input="x")


def ask_anthropic(http: httpx2.Client) -> None:
    with anthropic.Anthropic(api_key="dummy", base_url="http://up", http_client=http) as sdk:
        sdk.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])


@pytest.mark.parametrize(
    ("api", "ask", "raised"),
    [
        (APIS[0], ask_anthropic, anthropic.APIStatusError),
        (APIS[1], ask_openai, openai.APIStatusError),
    ],
    ids=["anthropic", "openai"],
)
def test_the_sdks_try_once_what_was_retried_here(
    api: Api, ask: Callable[[httpx2.Client], None], raised: type[Exception]
) -> None:
    rendered = api.encode_error(errors.Overloaded("busy", retried=True), "req_1")
    calls = 0

    def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        headers = dict(rendered.headers)
        return httpx2.Response(rendered.status, headers=headers, json=rendered.document)

    with pytest.raises(raised):
        ask(httpx2.Client(transport=httpx2.MockTransport(answer)))
    assert calls == 1


# A failure under a 200 ---------------------------------------------------------------------------

ANSWERS = {
    "messages": {"type": "message", "content": [], "usage": {}},
    "responses": {"object": "response", "status": "completed", "output": [], "error": None},
    "chat": {"object": "chat.completion", "choices": [{"index": 0}]},
}


@every_api
def test_an_answer_is_no_fault(api: Api) -> None:
    assert api.fault(ANSWERS[api.name]) is None
    assert api.fault({"input_tokens": 7}) is None


@pytest.mark.parametrize("status", ["failed", "cancelled", "incomplete"])
def test_a_response_that_failed_is_an_answer_and_says_so_itself(status: str) -> None:
    error = {"code": "server_error", "message": "no"}
    answer = {"object": "response", "status": status, "output": [], "error": error}
    assert Responses().fault(answer) is None


@every_api
@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"object": "error", "message": "no", "code": 500}, "no"),
        ({"type": "error", "error": {"message": "no"}}, "no"),
        ({}, "made no sense"),
        ({"ok": True}, "made no sense"),
        ([], "made no sense"),
        ("text", "made no sense"),
        (None, "made no sense"),
    ],
)
def test_a_failure_under_a_200_is_a_fault(api: Api, document: object, words: str) -> None:
    fault = api.fault(document)
    assert isinstance(fault, errors.UpstreamError)
    assert words in fault.message


@pytest.mark.parametrize("api", APIS[1:], ids=lambda api: api.name)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.InvalidRequest),
        ("429", errors.RateLimited),
        (401, errors.UpstreamError),
        (402, errors.UpstreamError),
        (503, errors.Overloaded),
        ("rate_limit_exceeded", errors.RateLimited),
        ("model_not_found", errors.UnknownModel),
        ("anything", errors.UpstreamError),
        (7, errors.UpstreamError),
    ],
)
def test_the_code_in_a_fault_is_what_the_status_should_have_said(
    api: Api, code: object, kind: type[errors.StackError]
) -> None:
    fault = api.fault({"error": {"message": "because sk-abcdefgh", "code": code}})
    assert type(fault) is kind
    assert "sk-abcdefgh" not in fault.message


def test_the_type_in_a_fault_of_messages_is_what_the_status_should_have_said() -> None:
    api = APIS[0]
    busy = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    ours = {"type": "error", "error": {"type": "authentication_error", "message": "our key"}}
    assert type(api.fault(busy)) is errors.Overloaded
    assert "our key" not in str(api.fault(ours))


def test_a_fault_beside_empty_choices_is_a_fault() -> None:
    assert Chat().fault({"error": {"message": "no"}, "choices": []}) is not None


# Headers -----------------------------------------------------------------------------------------


@every_api
def test_no_header_of_a_client_s_identity_is_forwarded(api: Api) -> None:
    private = """
        authorization x-api-key cookie user-agent host x-app x-stainless-lang x-forwarded-for
        openai-organization openai-project anthropic-workspace-id anthropic-user-profile-id
        x-claude-code-session-id session-id thread-id originator x-client-request-id
        x-codex-turn-metadata x-codex-window-id idempotency-key content-length
    """
    assert not api.request_headers & set(private.split())


@every_api
def test_no_header_of_our_own_account_is_shown(api: Api) -> None:
    private = """
        set-cookie server via openai-organization openai-project anthropic-organization-id
        anthropic-workspace-id content-length content-encoding transfer-encoding connection
        x-codex-primary-used-percent
    """
    for name in private.split():
        for pattern in api.response_headers:
            assert name != pattern
            assert not (pattern.endswith("*") and name.startswith(pattern[:-1]))


@every_api
def test_waits_and_limits_are_shown(api: Api) -> None:
    assert {"retry-after", "retry-after-ms", "x-should-retry"} <= set(api.response_headers)
    assert "x-ratelimit-*" in api.response_headers
