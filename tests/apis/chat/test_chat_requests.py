"""What a Chat request means, and what is said of one that means nothing."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.apis.chat.api import Chat
from polystack.core.canon import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.core.contract.losses import foreign

API = Chat()
USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "f"}}


def decode(**fields: Any) -> ir.Request:
    return API.decode({"model": "tiny", "messages": [USER], **fields})


def test_every_role_keeps_its_place() -> None:
    roles = ["user", "developer", "assistant", "system", "user"]
    request = decode(messages=[{"role": role, "content": "x"} for role in roles])
    assert [turn.role for turn in request.turns] == roles
    assert [turn.at for turn in request.turns] == [f"messages.{i}" for i in range(5)]


def test_a_tools_answer_is_a_users_turn() -> None:
    answer = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
    (turn,) = decode(messages=[answer]).turns
    assert turn == ir.Turn("user", (ir.ToolResult("call_1", (ir.Text("sunny"),)),))


def test_reasoning_stands_before_the_text_and_calls_after_it() -> None:
    message = {
        "role": "assistant",
        "content": "So.",
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
    }
    (turn,) = decode(messages=[message]).turns
    assert [type(part) for part in turn.parts] == [ir.Reasoning, ir.Text, ir.ToolCall]


def test_arguments_are_kept_to_the_letter() -> None:
    arguments = '{"a" :  1.50,\n "b": not json'
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    (turn,) = decode(messages=[{"role": "assistant", "content": None, "tool_calls": [call]}]).turns
    assert turn.parts == (ir.ToolCall("c", "f", arguments),)


@pytest.mark.parametrize(
    ("url", "media_type", "data"),
    [
        ("data:image/png;base64,AAAA", "image/png", "AAAA"),
        ("https://example.org/a.png", None, None),
        ("data:image/svg+xml,<svg/>", None, None),
    ],
)
def test_an_image_is_data_or_a_url(url: str, media_type: str | None, data: str | None) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}
    (turn,) = decode(messages=[{"role": "user", "content": [image]}]).turns
    assert turn.parts == (
        ir.Media("image", media_type, data, url=None if data is not None else url),
    )


def test_both_spellings_of_the_limit_mean_the_same() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        assert decode(**{name: 7}).sampling.max_tokens == 7


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ir.ToolChoice("auto")),
        ("none", ir.ToolChoice("none")),
        ("required", ir.ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ir.ToolChoice("named", "f")),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}},
            ir.ToolChoice("auto", allowed=("f",)),
        ),
    ],
)
def test_tool_choices(choice: Any, expected: ir.ToolChoice) -> None:
    assert decode(tools=[TOOL], tool_choice=choice).tool_choice == expected


def test_a_tool_of_an_unknown_type_is_a_server_tool_with_all_its_fields() -> None:
    (tool,) = decode(tools=[{"type": "web_search", "depth": 3}]).tools
    assert (tool.kind, tool.type, tool.extra) == ("server", "web_search", {"chat": {"depth": 3}})


def test_tools_of_a_servers_own_may_share_a_type() -> None:
    servers = [{"type": "mcp", "server_label": label} for label in ("a", "b")]
    assert [tool.extra for tool in decode(tools=servers).tools] == [
        {"chat": {"server_label": "a"}},
        {"chat": {"server_label": "b"}},
    ]


def test_functions_are_tools_and_their_calls_get_an_id_from_their_place() -> None:
    called = {"name": "f", "arguments": "{}"}
    request = decode(
        functions=[{"name": "f", "parameters": {}}],
        function_call={"name": "f"},
        messages=[
            USER,
            {"role": "assistant", "content": None, "function_call": called},
            {"role": "function", "name": "f", "content": "one"},
            {"role": "assistant", "content": None, "function_call": called},
            {"role": "function", "name": "f", "content": "two"},
        ],
    )
    assert [(tool.name, tool.kind, tool.schema) for tool in request.tools] == [
        ("f", "function", {})
    ]
    choice = request.tool_choice
    assert (choice.mode, choice.name, choice.parallel) == ("named", "f", False)
    parts = [turn.parts[0] for turn in request.turns[1:]]
    ids = [p.id if isinstance(p, ir.ToolCall) else getattr(p, "call_id", None) for p in parts]
    assert ids == ["call_1", "call_1", "call_3", "call_3"]


def test_a_thought_in_both_spellings_is_thought_once() -> None:
    message = {"role": "assistant", "content": "x", "reasoning": "Hm", "reasoning_content": "Hm"}
    (turn,) = decode(messages=[message]).turns
    assert [part.text for part in turn.parts if isinstance(part, ir.Reasoning)] == ["Hm"]


def test_a_call_of_an_unknown_type_is_kept_whole() -> None:
    call = {"id": "c", "type": "mcp", "mcp": {"name": "f"}}
    (turn,) = decode(messages=[{"role": "assistant", "content": None, "tool_calls": [call]}]).turns
    (part,) = turn.parts
    assert isinstance(part, ir.Opaque)
    assert (part.type, part.data, part.at) == ("mcp", call, "messages.0.tool_calls.0")


@pytest.mark.parametrize(
    ("modalities", "lost"),
    [(None, []), (["text"], []), (["text", "audio"], ["modalities"]), (["image"], ["modalities"])],
)
def test_only_modalities_beyond_text_can_be_lost(
    modalities: list[str] | None, lost: list[str]
) -> None:
    found = [field.path for field in foreign(decode(modalities=modalities))]
    assert found == lost
    assert not API.handles.intersection(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "assistant", "content": []}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": None}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": []}]},
        {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]},
        {"tool_choice": "none"},
        {"parallel_tool_calls": False},
        {"tools": [{"type": "web_search"}]},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f", "x": 1}}},
        {"functions": [], "function_call": "none"},
        {"functions": [{"name": "f"}], "parallel_tool_calls": True},
        {"reasoning": {"max_tokens": 5}, "reasoning_effort": "low"},
        {"reasoning": {"effort": "low"}, "reasoning_effort": "low"},
        {"modalities": ["text", "audio"], "audio": {"voice": "a", "format": "wav"}},
        {"stop": "one"},
    ],
)
def test_the_corners_of_a_request_come_back_too(fields: dict[str, Any]) -> None:
    request = decode(**fields)
    encoded, losses = API.encode(request, "tiny")
    assert API.decode(encoded) == request
    assert list(losses) == []


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"messages": []}, "messages", "at least one message is required"),
        ({"messages": None}, "messages", "should be a valid list, not None"),
        ({"messages": [{"content": "x"}]}, "messages.0.role", "field required"),
        ({"messages": [{"role": "robot"}]}, "messages.0.role", "'developer', 'system', 'user'"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content", "not 5"),
        (
            {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages.0.content.0",
            "must be an object with a 'type'",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text",
            "field required",
        ),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages.0.tool_call_id",
            "field required",
        ),
        (
            {"messages": [{"role": "function", "content": "x"}]},
            "messages.0.name",
            "field required",
        ),
        ({"functions": [], "tools": [TOOL]}, "functions", "the deprecated form of tools"),
        (
            {"functions": [{"name": "f"}], "function_call": {"name": "g"}},
            "function_call",
            "no tool is called 'g'; the request offers f",
        ),
        (
            {"functions": [{"name": "f"}, {"name": "f"}]},
            "functions.1.name",
            "another tool is called 'f'",
        ),
        (
            {"reasoning": {"effort": "low"}, "reasoning_effort": "high"},
            "reasoning_effort",
            "says another effort than reasoning.effort",
        ),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "not both"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1, not 0"),
        ({"max_tokens": "9"}, "max_tokens", "not '9'"),
        ({"temperature": 3}, "temperature", "less than or equal to 2, not 3"),
        ({"n": 9}, "n", "less than or equal to 8, not 9"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than or equal to 20"),
        ({"top_logprobs": 2}, "top_logprobs", "needs logprobs: true"),
        ({"logit_bias": {"word": 1}}, "logit_bias.word", "keys are token ids"),
        ({"stream": "yes"}, "stream", "should be a valid boolean, not 'yes'"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "required"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "not 'xml'"),
        ({"tools": [{"type": "function"}]}, "tools.0.function", "field required"),
        ({"tools": [TOOL, TOOL]}, "tools.1.function.name", "another tool is called 'f'"),
        ({"tool_choice": "required"}, "tool_choice", "needs tools to choose from"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            "no tool is called 'g'; the request offers f",
        ),
    ],
)
def test_a_bad_request_names_its_field(fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")
    assert message in caught.value.message
