"""Tools of OpenAI's own that the client runs, with a model that knows functions only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.core import ir

from .acting import SAY_DONE, Acting, acting, calling

LOOKED_FOR = {"type": "function", "name": "found", "parameters": {"type": "object"}}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "local_shell": (
        {"type": "local_shell"},
        {"command": ["ls", "-l"], "timeout_ms": 100},
        {"action": {"type": "exec", "command": ["ls", "-l"], "env": {}, "timeout_ms": 100}},
        {"id": "call_1", "output": "files"},
        "files",
    ),
    "shell": (
        {"type": "shell", "environment": {"type": "local"}},
        {"commands": ["ls"]},
        {"action": {"commands": ["ls"]}},
        {"call_id": "call_1", "output": [{"stdout": "files", "stderr": ""}]},
        '[{"stdout": "files", "stderr": ""}]',
    ),
    "apply_patch": (
        {"type": "apply_patch"},
        {"type": "create_file", "path": "a", "diff": "+b"},
        {"operation": {"type": "create_file", "path": "a", "diff": "+b"}},
        {"call_id": "call_1", "status": "failed", "output": "no such file"},
        "no such file",
    ),
    "tool_search": (
        {"type": "tool_search", "execution": "client", "description": "Find.", "parameters": {}},
        {"query": "weather"},
        {"arguments": {"query": "weather"}, "execution": "client"},
        {"call_id": "call_1", "tools": [LOOKED_FOR]},
        "Found: found",
    ),
}


async def streamed(client: Any, **asked: Any) -> list[Any]:
    async with client.responses.stream(model="acting", **asked) as stream:
        events = [event async for event in stream]
        done = [event.item for event in events if event.type == "response.output_item.done"]
        last = await stream.get_final_response()
        assert [item.to_dict() for item in done] == [item.to_dict() for item in last.output]
        return list(last.output)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_model_calls_a_function_and_the_client_sees_its_own_item(
    name: str, stream: bool
) -> None:
    tool, arguments, fields, _, _ = CASES[name]
    async with acting([calling(name, **arguments)], SAY_DONE, executors={}) as stack:
        client = stack.openai()
        asked: Any = {"input": "go", "tools": [tool]}
        if stream:
            [item] = await streamed(client, **asked)
        else:
            [item] = (await client.responses.create(model="acting", **asked)).output
    assert [(each.kind, each.name) for each in Acting.seen[0].tools] == [("function", name)]
    document = item.to_dict()
    assert document.pop("id").endswith("_0")
    assert document == {
        "type": f"{name}_call",
        "call_id": "call_1",
        "status": "completed",
        **fields,
    }


@pytest.mark.parametrize("name", CASES)
async def test_the_model_reads_what_came_of_it(name: str) -> None:
    tool, arguments, _, output, text = CASES[name]
    kind = "tool_search_output" if name == "tool_search" else f"{name}_call_output"
    async with acting([calling(name, **arguments)], SAY_DONE, executors={}) as stack:
        client = stack.openai()
        tools: Any = [tool]
        first = await client.responses.create(model="acting", input="go", tools=tools)
        items: Any = [{"role": "user", "content": "go"}, first.output[0].to_dict()]
        items.append({"type": kind, **output})
        await client.responses.create(model="acting", input=items, tools=[tool])
    _, said, read = Acting.seen[-1].turns
    call, result = said.parts[0], read.parts[0]
    assert isinstance(call, ir.ToolCall)
    given = json.loads(call.arguments)
    assert (call.id, call.name) == ("call_1", name)
    assert {key: given[key] for key in arguments} == arguments
    assert isinstance(result, ir.ToolResult)
    assert (result.call_id, ir.text_of(result.content)) == ("call_1", text)
    assert result.is_error == (name == "apply_patch")


async def test_tools_that_were_found_are_offered_from_then_on() -> None:
    tool, _, _, output, _ = CASES["tool_search"]
    call = {"type": "tool_search_call", "call_id": "call_1", "arguments": {"query": "weather"}}
    found = {"type": "tool_search_output", **output}
    async with acting(SAY_DONE, executors={}) as stack:
        await stack.openai().responses.create(
            model="acting",
            input=[call, found, found],
            tools=[tool],
        )
    assert [each.name for each in Acting.seen[-1].tools] == ["tool_search", "found"]


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "shell", "environment": {"type": "container_auto"}},
        {"type": "tool_search"},
        {"type": "tool_search", "execution": "server"},
        {"type": "web_search"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ],
)
async def test_what_runs_at_openai_is_no_function(tool: dict[str, Any]) -> None:
    async with acting(SAY_DONE, executors={}) as stack:
        await stack.openai().responses.create(model="acting", input="go", tools=[tool])
    assert [each.kind for each in Acting.seen[0].tools] == ["server"]


async def test_a_choice_of_such_a_tool_is_one_of_its_function() -> None:
    async with acting(SAY_DONE, executors={}) as stack:
        await stack.openai().responses.create(
            model="acting",
            input="go",
            tools=[{"type": "apply_patch"}],
            tool_choice={"type": "apply_patch"},
        )
    choice = Acting.seen[0].tool_choice
    assert (choice.mode, choice.name, choice.kind) == ("named", "apply_patch", "function")


async def test_a_function_of_the_same_name_comes_before_one() -> None:
    own = {"type": "function", "name": "shell", "parameters": {"type": "object"}}
    tools: Any = [own, {"type": "shell"}]
    async with acting([calling("shell")], SAY_DONE, executors={}) as stack:
        answer = await stack.openai().responses.create(model="acting", input="go", tools=tools)
    assert [item.type for item in answer.output] == ["function_call"]
