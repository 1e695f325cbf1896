"""What a Messages request means, and what is said of one that means nothing."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.apis.messages.api import Messages
from polystack.core.canon import errors, ir
from polystack.core.canon.errors import InvalidRequest
from polystack.core.contract.provider import Model, TokenCount

API = Messages()
USER = {"role": "user", "content": "Hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def decode(**fields: Any) -> ir.Request:
    return API.decode({"model": "tiny", "max_tokens": 9, "messages": [USER], **fields})


def said(*blocks: Any, role: str = "user") -> Any:
    return {"messages": [{"role": role, "content": list(blocks)}]}


def test_system_text_keeps_its_place_inside_and_outside_the_conversation() -> None:
    inside = {"role": "system", "content": "Be brief."}
    request = decode(system=[{"type": "text", "text": "Be kind."}], messages=[USER, inside, USER])
    assert request.instructions == (ir.Text("Be kind."),)
    assert [turn.role for turn in request.turns] == ["user", "system", "user"]
    whole = request.conversation()
    assert [turn.role for turn in whole] == ["system", "user", "system", "user"]


def test_a_string_and_a_block_mean_the_same() -> None:
    assert decode() == decode(**said({"type": "text", "text": "Hello"}))


def test_every_part_knows_where_it_stood() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [image]}
    ((part,),) = [turn.parts for turn in decode(**said(result)).turns]
    assert isinstance(part, ir.ToolResult)
    assert (part.at, part.content[0].at) == (
        "messages.0.content.0",
        "messages.0.content.0.content.0",
    )


def test_thinking_may_come_back_with_an_empty_signature() -> None:
    block = {"type": "thinking", "thinking": "Hm", "signature": ""}
    (turn,) = decode(**said(block, role="assistant")).turns
    assert turn.parts == (ir.Reasoning("Hm"),)


@pytest.mark.parametrize(
    ("fields", "enabled", "budget", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, True, 2048, None),
        ({"thinking": {"type": "enabled"}}, True, None, None),
        ({"thinking": {"type": "disabled"}}, False, None, None),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            None,
            None,
            "high",
        ),
        ({"output_config": {"effort": "low"}}, None, None, "low"),
        ({}, None, None, None),
    ],
)
def test_thinking_has_many_spellings(
    fields: dict[str, Any], enabled: bool | None, budget: int | None, effort: str | None
) -> None:
    config = decode(**fields).reasoning
    assert (config.enabled, config.budget, config.effort) == (enabled, budget, effort)


@pytest.mark.parametrize(
    ("choice", "mode", "name", "parallel"),
    [
        ({"type": "auto"}, "auto", None, None),
        ({"type": "any"}, "required", None, None),
        ({"type": "none"}, "none", None, None),
        ({"type": "tool", "name": "f"}, "named", "f", None),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", None, False),
    ],
)
def test_tool_choices(choice: Any, mode: str, name: str | None, parallel: bool | None) -> None:
    found = decode(tools=[TOOL], tool_choice=choice).tool_choice
    assert (found.mode, found.name, found.parallel) == (mode, name, parallel)


def test_a_limit_of_nothing_only_warms_the_cache() -> None:
    assert decode(max_tokens=0).sampling.max_tokens == 0


def test_counting_needs_no_limit() -> None:
    document = {"model": "tiny", "messages": [USER]}
    assert API.decode(document, "count_tokens").sampling.max_tokens is None


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"max_tokens": None}, "max_tokens", "field required"),
        ({"max_tokens": -1}, "max_tokens", "not -1"),
        ({"max_tokens": "9"}, "max_tokens", "valid integer, not '9'"),
        ({"messages": []}, "messages", "at least one message is required"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", "not 'robot'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "field required"),
        (said({"text": "x"}), "messages.0.content.0", "'type'"),
        (said({"type": "text"}), "messages.0.content.0.text", "field required"),
        (
            said({"type": "image", "source": {"type": "base64", "data": "AA"}}),
            "messages.0.content.0.source.media_type",
            "field required",
        ),
        (said({"type": "tool_result"}), "messages.0.content.0.tool_use_id", "field required"),
        (
            said({"type": "tool_use", "id": "c", "name": "f", "input": "{}"}, role="assistant"),
            "messages.0.content.0.input",
            "dictionary, not '{}'",
        ),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema", "field required"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name", "field required"),
        ({"tools": [TOOL, TOOL]}, "tools.1.name", "must be unique"),
        ({"tool_choice": {"type": "any"}}, "tool_choice", "needs tools to choose from"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}},
            "tool_choice.name",
            "no tool is called 'g'; the request offers f",
        ),
        ({"temperature": "hot"}, "temperature", "not 'hot'"),
        ({"top_k": -5}, "top_k", "not -5"),
        ({"stop_sequences": "END"}, "stop_sequences", "not 'END'"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens", "'x'"),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "output_config.format.schema",
            "field required",
        ),
        ({"system": [{"type": "image"}]}, "system.0.source", "field required"),
    ],
)
def test_a_bad_request_names_its_field(fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")
    assert message in caught.value.message


@pytest.mark.parametrize("kind", ["create", "continue"])
def test_threads_are_refused_in_the_words_that_the_sdk_acts_on(kind: str) -> None:
    with pytest.raises(errors.NotSupported) as caught:
        decode(thread={"type": kind})
    rendered = API.encode_error(caught.value, "req_1")
    assert rendered.status == 400
    assert rendered.document["error"]["details"] == {
        "error_code": "thread_unsupported_request",
        "unsupported": ["thread"],
    }


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error"),
        (errors.Unauthenticated("x"), 401, "authentication_error"),
        (errors.PermissionDenied("x"), 403, "permission_error"),
        (errors.UnknownModel("x"), 404, "not_found_error"),
        (errors.TooLarge("x"), 413, "request_too_large"),
        (errors.RateLimited("x", retry_after=500), 429, "rate_limit_error"),
        (errors.UpstreamError("x"), 502, "api_error"),
        (errors.UpstreamTimeout("x"), 504, "timeout_error"),
        (errors.Overloaded("x"), 529, "overloaded_error"),
        (errors.StackError("x"), 500, "api_error"),
    ],
)
def test_every_error_has_its_status_and_type(
    error: errors.StackError, status: int, kind: str
) -> None:
    rendered = API.encode_error(error, "req_1")
    assert (rendered.status, rendered.document["error"]["type"]) == (status, kind)
    assert rendered.document["request_id"] == rendered.headers["request-id"] == "req_1"
    assert rendered.headers.get("retry-after") == ("60" if error.retry_after else None)


def test_models_and_counts_have_anthropics_shape() -> None:
    listed = API.models([Model("tiny", context_window=4096, max_output=512)])
    (entry,) = listed["data"]
    assert (entry["type"], entry["id"], entry["max_input_tokens"]) == ("model", "tiny", 4096)
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("tiny", "tiny", False)
    assert API.count(TokenCount(7)) == {"input_tokens": 7}
    assert API.claims({"anthropic-version": "2030-01-01"})
    assert not API.claims({})
