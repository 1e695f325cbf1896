"""Tools of a tool server in Responses, as the openai SDK sees them."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from polystack.core import ir

from .acting import SAY_DONE, Acting, Desk, acting, calling

TOOL: dict[str, Any] = {"type": "mcp", "server_label": "desk", "require_approval": "never"}
ASKING: dict[str, Any] = TOOL | {"require_approval": "always"}
STORED = {"store": {"type": "memory"}}


async def streamed(client: Any, **asked: Any) -> tuple[list[Any], Any]:
    async with client.responses.stream(model="acting", **asked) as stream:
        events = [event async for event in stream]
        return events, await stream.get_final_response()


def types(response: Any) -> list[str]:
    return [item.type for item in response.output]


async def test_a_whole_answer_holds_the_list_the_call_and_the_words() -> None:
    async with acting([calling("add", a=2, b=3)], SAY_DONE) as stack:
        answer = await stack.openai().responses.create(model="acting", input="go", tools=[TOOL])
    assert types(answer) == ["mcp_list_tools", "mcp_call", "message"]
    listing, call, _ = answer.output
    assert (listing.id[:5], listing.server_label) == ("mcpl_", "desk")
    assert [tool.name for tool in listing.tools] == ["add", "echo", "wait", "break"]
    assert listing.tools[0].input_schema == {"type": "object"}
    assert (call.id[:4], call.name, call.arguments) == ("mcp_", "add", '{"a": 2, "b": 3}')
    assert (call.output, call.error, call.status) == ("5", None, "completed")
    assert answer.usage.total_tokens == 30
    assert answer.status == "completed"


async def test_a_stream_tells_of_the_same_items_event_by_event() -> None:
    rounds: list[Any] = [[calling("add", a=2, b=3)], [calling("break")], SAY_DONE]
    async with acting(*rounds) as stack:
        client = stack.openai()
        events, last = await streamed(client, input="go", tools=[TOOL])
        Acting.seen.clear()
        whole = await client.responses.create(model="acting", input="go", tools=[TOOL])
    about = [event.type.removeprefix("response.") for event in events if "mcp" in event.type]
    arguments = ["mcp_call_arguments.delta", "mcp_call_arguments.done"]
    assert about == [
        *("mcp_list_tools.in_progress", "mcp_list_tools.completed"),
        *("mcp_call.in_progress", *arguments, "mcp_call.completed"),
        *("mcp_call.in_progress", *arguments, "mcp_call.failed"),
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.to_dict() for item in done[:-1]] == [item.to_dict() for item in last.output[:-1]]
    assert [shape(item) for item in done] == [shape(item) for item in whole.output]
    assert last.output[2].error.type == "mcp_tool_execution_error"


def shape(item: Any) -> dict[str, Any]:
    return {key: value for key, value in item.to_dict().items() if key != "id"}


async def test_what_was_called_is_told_to_the_model_in_the_next_turn() -> None:
    async with acting([calling("add", a=2, b=3)], SAY_DONE) as stack:
        client = stack.openai()
        first = await client.responses.create(model="acting", input="go", tools=[TOOL])
        items: Any = [*(item.to_dict() for item in first.output), {"role": "user", "content": "?"}]
        again = await client.responses.create(model="acting", input=items, tools=[TOOL])
    assert types(again) == ["message"], "a list that the client has is not told again"
    call = next(item for item in first.output if item.type == "mcp_call")
    said, read, *_ = Acting.seen[-1].turns
    assert said.parts == (ir.ToolCall(call.id, "add", '{"a": 2, "b": 3}'),)
    assert read.parts == (ir.ToolResult(call.id, (ir.Text("5"),)),)


async def test_a_kept_answer_replays_its_calls() -> None:
    async with acting([calling("add", a=2, b=3)], SAY_DONE, **STORED) as stack:
        client = stack.openai()
        _, first = await streamed(client, input="go", tools=[TOOL])
        kept = await client.responses.retrieve(first.id)
        assert types(kept) == types(first)
        await client.responses.create(
            model="acting", input="and?", previous_response_id=first.id, tools=[TOOL]
        )
    parts = [part for turn in Acting.seen[-1].turns for part in turn.parts]
    assert [type(part).__name__ for part in parts] == [
        *("Text", "ToolCall", "ToolResult", "Text", "Text")
    ]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("approve", [True, False])
async def test_a_call_is_run_when_the_client_approves_and_only_then(
    kept: bool, approve: bool
) -> None:
    async with acting([calling("echo", text="hi")], SAY_DONE, **STORED) as stack:
        client = stack.openai()
        first = await client.responses.create(model="acting", input="go", tools=[ASKING])
        assert types(first) == ["mcp_list_tools", "mcp_approval_request"]
        assert first.status == "completed"
        assert Desk.calls == []
        request = first.output[1]
        assert (request.id[:5], request.name, request.arguments) == (
            *("mcpr_", "echo"),
            '{"text": "hi"}',
        )
        said: dict[str, Any] = {
            "type": "mcp_approval_response",
            "approval_request_id": request.id,
            "approve": approve,
            "reason": "no idea",
        }
        before: Any = [{"role": "user", "content": "go"}, *(i.to_dict() for i in first.output)]
        asked: Any = {"previous_response_id": first.id} if kept else {}
        second = await client.responses.create(
            model="acting", input=[said] if kept else [*before, said], tools=[ASKING], **asked
        )
        assert Desk.calls == ([("echo", '{"text": "hi"}')] if approve else [])
        read = Acting.seen[-1].turns[-1].parts[0]
        assert isinstance(read, ir.ToolResult)
        if not approve:
            assert types(second) == ["message"]
            assert ir.text_of(read.content) == "The user did not allow this call: no idea"
            return
        assert types(second) == ["mcp_call", "message"]
        call = second.output[0]
        assert (call.approval_request_id, call.output) == (request.id, "hi")
        assert ir.text_of(read.content) == "hi"
        third = await client.responses.create(
            model="acting", input="bye", previous_response_id=second.id, tools=[ASKING]
        )
        assert types(third) == ["message"]
        assert len(Desk.calls) == 1, "what was run is not run again"


async def test_an_answer_shows_no_credentials_of_the_tool() -> None:
    tool = TOOL | {"authorization": "token-1", "headers": {"x-key": "token-2"}}
    async with acting(SAY_DONE, **STORED) as stack:
        client = stack.openai()
        answer = await client.responses.create(model="acting", input="go", tools=[tool])
        kept = await client.responses.retrieve(answer.id)
    for shown in (answer, kept):
        assert "token-" not in shown.to_json()
        assert shown.tools[0].headers == {"x-key": "<redacted>"}
    server = Acting.seen[0].tools
    assert all(each.kind == "function" for each in server)


async def test_no_more_calls_are_run_than_max_tool_calls() -> None:
    rounds: list[Any] = [[calling("echo", "a", text="1"), calling("echo", "b", text="2")], SAY_DONE]
    async with acting(*rounds) as stack:
        answer = await stack.openai().responses.create(
            model="acting", input="go", tools=[TOOL], max_tool_calls=1
        )
    assert types(answer).count("mcp_call") == 1
    assert answer.max_tool_calls == 1


async def test_a_choice_may_name_a_function_of_a_server() -> None:
    choice: Any = {"type": "mcp", "server_label": "desk", "name": "echo"}
    async with acting([calling("echo", text="x")], SAY_DONE) as stack:
        answer = await stack.openai().responses.create(
            model="acting", input="go", tools=[TOOL], tool_choice=choice
        )
    assert Acting.seen[0].tool_choice == ir.ToolChoice("named", "echo")
    assert answer.tool_choice.name == "echo"


async def test_a_choice_may_allow_one_server_only() -> None:
    allowed = [{"type": "mcp", "server_label": "desk"}]
    choice: Any = {"type": "allowed_tools", "mode": "auto", "tools": allowed}
    tools: Any = [TOOL, TOOL | {"server_label": "other"}]
    async with acting(SAY_DONE) as stack:
        await stack.openai().responses.create(
            model="acting", input="go", tools=tools, tool_choice=choice
        )
    assert Acting.seen[0].tool_choice.allowed == ("add", "echo", "wait", "break")
    assert len(Acting.seen[0].tools) == 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server_label", None),
        ("server_url", 1),
        ("allowed_tools", "add"),
        ("headers", {"a": 1}),
        ("headers", {"a": "b\r\nc: d"}),
        ("require_approval", "sometimes"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_its_name(field: str, value: Any) -> None:
    async with acting(SAY_DONE) as stack:
        with pytest.raises(openai.BadRequestError) as refused:
            await stack.openai().responses.create(
                model="acting", input="go", tools=[TOOL | {field: value}]
            )
    assert refused.value.param == f"tools.0.{field}"


async def test_without_an_executor_the_tool_is_left_to_the_provider() -> None:
    async with acting(SAY_DONE, executors={}) as stack:
        answer = await stack.openai().responses.create(model="acting", input="go", tools=[TOOL])
    assert types(answer) == ["message"]
    assert [tool.kind for tool in Acting.seen[0].tools] == ["server"]
