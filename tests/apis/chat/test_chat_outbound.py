"""A request of another protocol as a Chat server accepts it; what it cannot say is written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from polystack.apis.chat.api import Chat
from polystack.core.canon import ir
from polystack.core.canon.errors import NotSupported

API = Chat()
FUNCTION = ir.Tool("f", schema={"type": "object"}, at="tools.0")
SERVER = ir.Tool("web", kind="server", type="web_search", at="tools.1")


def encode(*parts: ir.Part, role: ir.Role = "user", **fields: Any) -> tuple[Any, list[str]]:
    turns = (ir.Turn(role, parts, at="messages.0"),) if parts else ()
    body, losses = API.encode(ir.Request("m", turns, origin="messages", **fields), "up")
    return body, [f"{loss.verdict}={loss.path}" for loss in losses]


def test_instructions_are_a_system_message_in_front() -> None:
    body, losses = encode(ir.Text("Hi"), instructions=(ir.Text("Be brief."),))
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    assert losses == []


def test_the_answers_of_tools_come_before_what_the_user_says_beside_them() -> None:
    result = ir.ToolResult("c", (ir.Text("sunny"),), is_error=True, at="messages.0.content.1")
    body, losses = encode(ir.Text("And?"), result)
    assert body["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
        {"role": "user", "content": "And?"},
    ]
    assert losses == ["dropped=messages.0.content.1.is_error"]


@pytest.mark.parametrize(
    ("part", "message", "lost"),
    [
        (
            ir.Reasoning("Hm", signature="s", at="p"),
            {"role": "assistant", "content": None, "reasoning_content": "Hm"},
            ["dropped=p.signature"],
        ),
        (
            ir.Reasoning("Hm", ("short",), at="p"),
            {"role": "assistant", "content": None, "reasoning_content": "Hm"},
            ["dropped=p.summary"],
        ),
        (
            ir.Text("Yes", (ir.Citation("x"),), at="p"),
            {"role": "assistant", "content": "Yes"},
            ["dropped=p.citations"],
        ),
        (
            ir.Opaque("messages", "new", {}, at="p"),
            {"role": "assistant", "content": ""},
            ["dropped=p"],
        ),
    ],
)
def test_what_a_message_cannot_hold_is_a_loss(part: ir.Part, message: Any, lost: list[str]) -> None:
    body, losses = encode(part, role="assistant")
    assert body["messages"] == [message]
    assert losses == lost


@pytest.mark.parametrize(
    ("part", "pieces"),
    [
        (ir.Reasoning("Hm"), [{"type": "reasoning.text", "text": "Hm"}]),
        (ir.Reasoning("Hm", sealed='[{"type": "x"}]'), [{"type": "x"}]),
        (ir.Reasoning("Hm", sealed="foreign"), [{"type": "reasoning.text", "text": "Hm"}]),
    ],
)
def test_a_thought_goes_back_in_the_pieces_that_it_came_in(
    part: ir.Reasoning, pieces: list[Any]
) -> None:
    marked = replace(part, extra={"chat": {"_field": "reasoning_details"}})
    body, _ = encode(marked, role="assistant")
    assert body["messages"][0]["reasoning_details"] == pieces


def test_a_tool_of_a_servers_own_is_a_loss_and_so_is_choosing_it() -> None:
    choice = ir.ToolChoice("named", "web", kind="server", at="tool_choice")
    body, losses = encode(tools=(FUNCTION, SERVER), tool_choice=choice)
    assert [tool["type"] for tool in body["tools"]] == ["function"]
    assert "tool_choice" not in body
    assert losses == ["dropped=tools.1", "dropped=tool_choice"]


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_a_choice_goes_with_the_last_tool(mode: Any) -> None:
    choice = ir.ToolChoice(mode, parallel=False, at="tool_choice")
    body, losses = encode(tools=(SERVER,), tool_choice=choice)
    assert set(body) == {"model", "messages"}
    assert ("dropped=tool_choice" in losses) == (mode == "required")


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (("f", "web"), [{"type": "function", "function": {"name": "f"}}]),
        (("web",), None),
    ],
)
def test_what_may_be_called_is_narrowed_and_never_widened(
    allowed: tuple[str, ...], expected: Any
) -> None:
    choice = ir.ToolChoice("auto", allowed=allowed, at="tool_choice")
    body, losses = encode(tools=(FUNCTION, SERVER), tool_choice=choice)
    if expected is None:
        assert body["tool_choice"] == "none"
    else:
        assert body["tool_choice"]["allowed_tools"] == {"mode": "auto", "tools": expected}
    assert losses == ["dropped=tools.1", "dropped=tool_choice"]


def test_a_namespace_is_joined_to_the_name_wherever_it_is_named() -> None:
    tool = ir.Tool("look", namespace="web", at="tools.0")
    call = ir.ToolCall("c", "look", "{}", namespace="web", at="input.1")
    choice = ir.ToolChoice("named", "look", "web")
    body, losses = encode(call, role="assistant", tools=(tool,), tool_choice=choice)
    assert body["tools"][0]["function"]["name"] == "web__look"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "web__look"}}
    assert body["messages"][0]["tool_calls"][0]["function"]["name"] == "web__look"
    assert losses == ["approximated=input.1.namespace", "approximated=tools.0.namespace"]


def test_a_field_of_another_protocol_is_a_loss_at_its_place() -> None:
    text = ir.Text("Hi", extra={"messages": {"cache_control": {"type": "ephemeral"}}}, at="p")
    _, losses = encode(text)
    assert losses == ["dropped=p.cache_control"]


def test_a_conversation_that_the_upstream_would_have_to_remember_is_refused() -> None:
    with pytest.raises(NotSupported, match="send the whole conversation"):
        encode(previous_id="resp_1")
