"""Tools of a tool server in Messages, Chat and Ollama: the same loop, as each can show it."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from polystack.core import ir

from .acting import SAY_DONE, Acting, Desk, acting, calling

CHAT_TOOL: dict[str, Any] = {"type": "mcp", "server_label": "desk", "require_approval": "never"}
SERVER = {"type": "url", "name": "desk", "url": "https://desk.example/mcp"}
ASKED: dict[str, Any] = {
    "model": "acting",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "go"}],
    "mcp_servers": [SERVER],
    "tools": [{"type": "mcp_toolset", "mcp_server_name": "desk"}],
}


async def asked(client: Any, streamed: bool, **more: Any) -> Any:
    messages = client.beta.messages
    if not streamed:
        return await messages.create(**ASKED | more)
    async with messages.stream(**ASKED | more) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("streamed", [False, True])
async def test_messages_shows_calls_and_results_as_blocks(streamed: bool) -> None:
    rounds: list[Any] = [[calling("add", a=2, b=3)], [calling("break", "b")], SAY_DONE]
    async with acting(*rounds) as stack:
        message = await asked(stack.anthropic(), streamed)
    assert [block.type for block in message.content] == [
        *("mcp_tool_use", "mcp_tool_result", "mcp_tool_use", "mcp_tool_result", "text")
    ]
    call, result, _, failed, text = message.content
    assert (call.name, call.server_name, call.input) == ("add", "desk", {"a": 2, "b": 3})
    assert (result.tool_use_id, result.is_error, result.content[0].text) == (call.id, False, "5")
    assert failed.is_error
    assert text.text == "done"
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (30, 15)


async def test_messages_tells_the_model_of_earlier_calls() -> None:
    async with acting([calling("add", a=2, b=3)], SAY_DONE) as stack:
        client = stack.anthropic()
        first = await asked(client, False)
        said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
        messages = [*ASKED["messages"], said, {"role": "user", "content": "and?"}]
        await asked(client, False, messages=messages)
    turns = Acting.seen[-1].turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[1].parts == (ir.ToolCall("call_1", "add", '{"a":2,"b":3}'),)
    assert turns[2].parts == (ir.ToolResult("call_1", (ir.Text("5"),)),)


@pytest.mark.parametrize(
    ("toolset", "server", "offered"),
    [
        (
            {"default_config": {"enabled": False}, "configs": {"add": {"enabled": True}}},
            {},
            ["add"],
        ),
        ({"configs": {"add": {"enabled": False}}}, {}, ["echo", "wait", "break"]),
        (None, {"tool_configuration": {"allowed_tools": ["echo"]}}, ["echo"]),
        (None, {"tool_configuration": {"enabled": False}}, []),
    ],
)
async def test_messages_narrows_a_server_to_some_of_its_functions(
    toolset: dict[str, Any] | None, server: dict[str, Any], offered: list[str]
) -> None:
    tools = [] if toolset is None else [ASKED["tools"][0] | toolset]
    async with acting(SAY_DONE) as stack:
        await asked(stack.anthropic(), False, mcp_servers=[SERVER | server], tools=tools)
    assert [tool.name for tool in Acting.seen[0].tools] == offered


async def test_messages_may_ask_for_two_servers_and_for_one_by_its_label_alone() -> None:
    toolsets = [{"type": "mcp_toolset", "mcp_server_name": label} for label in ("desk", "other")]
    async with acting(SAY_DONE) as stack:
        await asked(stack.anthropic(), False, tools=toolsets)
    names = [tool.name for tool in Acting.seen[0].tools]
    assert names[4:] == ["other_add", "other_echo", "other_wait", "other_break"]


async def test_messages_refuses_a_server_without_a_name() -> None:
    async with acting(SAY_DONE) as stack:
        with pytest.raises(anthropic.BadRequestError, match=r"mcp_servers\.0\.name"):
            await asked(stack.anthropic(), False, mcp_servers=[{"type": "url", "url": "x"}])


async def test_what_messages_says_of_servers_is_no_loss_where_it_is_run() -> None:
    async with acting(SAY_DONE) as stack:
        reply = await stack.handle("messages", "create", ASKED)
    assert reply.headers["x-stack-fidelity"] == "exact"


@pytest.mark.parametrize("streamed", [False, True])
async def test_chat_shows_the_words_alone_and_books_the_calls(streamed: bool) -> None:
    first: list[ir.Part] = [ir.Text("let me see: "), calling("add", a=2, b=3)]
    asked: dict[str, Any] = {"model": "acting", "messages": [{"role": "user", "content": "go"}]}
    asked |= {"tools": [CHAT_TOOL], "stream": streamed}
    async with acting(first, SAY_DONE) as stack:
        client = stack.openai()
        if streamed:
            reply = await stack.handle("chat", "create", asked)
            body = b"".join([chunk async for chunk in reply.stream])
            assert b'tool_calls":' not in body
            assert b": x-stack-fidelity dropped=server_tool_calls" in body
        else:
            raw = await client.chat.completions.with_raw_response.create(**asked)
            choice = raw.parse().choices[0]
            assert choice.message.content == "let me see: done"
            assert choice.message.tool_calls is None
            assert choice.finish_reason == "stop"
            assert raw.headers["x-stack-fidelity"] == "dropped=server_tool_calls"
    assert [name for name, _ in Desk.calls] == ["add"]


async def test_a_server_tool_that_is_no_tool_server_is_run_by_its_type() -> None:
    asked: dict[str, Any] = {"model": "acting", "input": "go", "tools": [{"type": "desk"}]}
    async with acting([calling("add", a=1, b=1)], SAY_DONE) as stack:
        reply = await stack.handle("responses", "create", asked)
    assert [item["type"] for item in reply.document["output"]] == ["message"]
    assert [name for name, _ in Desk.calls] == ["add"]
    assert reply.headers["x-stack-fidelity"] == "dropped=output.*(2)"


@pytest.mark.parametrize("api", ["responses", "messages", "chat"])
async def test_a_client_that_leaves_cancels_what_runs_for_it(api: str) -> None:
    Desk.waiting = asyncio.Event()
    asked = {"responses": {"model": "acting", "input": "go", "tools": [CHAT_TOOL]}}
    asked["messages"] = ASKED
    asked["chat"] = {"model": "acting", "messages": ASKED["messages"], "tools": [CHAT_TOOL]}
    async with acting([calling("wait")], SAY_DONE) as stack:
        reply = await stack.handle(api, "create", asked[api] | {"stream": True})
        await anext(reply.stream)
        while not Desk.calls:
            await asyncio.sleep(0)
        await reply.stream.aclose()
        assert Desk.gone == ["cancelled"]
        assert len(Acting.seen) == 1
