"""Server tools on the canonical stream: whatever the protocol, one answer in several rounds."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from polystack.core import ir
from polystack.core.canon.collect import Collector
from polystack.core.canon.errors import InvalidRequest, NotSupported
from polystack.core.canon.grammar import Grammar, State

from .acting import SAY_DONE, Acting, Desk, acting, asking, calling, desk


async def answered(stack: Any, request: ir.Request) -> ir.Response:
    grammar, collector = Grammar(), Collector()
    async with aclosing(stack.generate(request)) as events:
        async for event in events:
            grammar.feed(event)
            collector.feed(event)
    assert grammar.state is State.DONE
    return collector.response()


def kinds(response: ir.Response) -> list[str]:
    return [type(part).__name__ for part in response.parts]


async def test_a_call_is_run_and_the_model_goes_on_with_its_result() -> None:
    first: list[ir.Part] = [ir.Text("let me see"), calling("add", a=2, b=3)]
    async with acting(first, [ir.Text("it is 5")]) as stack:
        response = await answered(stack, asking())
    assert kinds(response) == ["ToolListing", "Text", "ToolCall", "ToolResult", "Text"]
    assert Desk.calls == [("add", '{"a": 2, "b": 3}')]
    call, result = response.parts[2], response.parts[3]
    assert isinstance(call, ir.ToolCall)
    assert (call.kind, call.server, call.name) == ("server", "desk", "add")
    assert isinstance(result, ir.ToolResult)
    assert ir.text_of(result.content) == "5"
    *_, said, read = Acting.seen[1].turns
    assert (said.role, read.role) == ("assistant", "user")
    assert said.parts == (ir.Text("let me see"), calling("add", a=2, b=3))
    assert read.parts == (ir.ToolResult("call_1", (ir.Text("5"),)),)


async def test_the_usage_is_that_of_all_rounds_and_the_end_that_of_the_last() -> None:
    async with acting([calling("echo", text="x")], SAY_DONE) as stack:
        response = await answered(stack, asking())
    assert response.usage == ir.Usage(20, 10)
    assert response.stop.reason == "end"


async def test_the_model_is_offered_functions_and_no_server_tool() -> None:
    async with acting(SAY_DONE) as stack:
        await answered(stack, asking(desk(allowed=("add", "echo"), denied=("echo",))))
    assert [(tool.kind, tool.name) for tool in Acting.seen[0].tools] == [("function", "add")]


async def test_a_name_that_the_client_has_taken_is_told_with_its_server() -> None:
    own = ir.Tool("add", schema={"type": "object"})
    async with acting([calling("desk_add", a=1, b=1)], SAY_DONE) as stack:
        response = await answered(stack, asking(own, desk(allowed=("add",))))
    assert [tool.name for tool in Acting.seen[0].tools] == ["add", "desk_add"]
    assert [name for name, _ in Desk.calls] == ["add"]
    assert [part.name for part in response.parts if isinstance(part, ir.ToolCall)] == ["add"]


async def test_calls_of_one_round_run_at_the_same_time_and_are_shown_in_order() -> None:
    Desk.waiting = asyncio.Event()
    calls: list[ir.Part] = [calling("wait", "a"), calling("echo", "b", text="now")]
    async with acting(calls, SAY_DONE) as stack:
        seen: list[ir.Part] = []
        async with aclosing(stack.generate(asking())) as events:
            async for event in events:
                if isinstance(event, ir.PartStarted):
                    seen.append(event.part)
                if isinstance(event, ir.PartEnded) and isinstance(seen[-1], ir.ToolCall):
                    while len(Desk.calls) < 2:
                        await asyncio.sleep(0)
                    Desk.waiting.set()
    ids = [part.id if isinstance(part, ir.ToolCall) else part.call_id for part in seen[1:5]]  # type: ignore[union-attr]
    assert ids == ["a", "a", "b", "b"]


async def test_a_clients_own_call_ends_the_answer_with_what_was_run_so_far() -> None:
    own = ir.Tool("mine", schema={"type": "object"})
    both: list[ir.Part] = [calling("mine", "m"), calling("echo", "e", text="x")]
    async with acting(both, SAY_DONE) as stack:
        response = await answered(stack, asking(own, desk()))
    assert kinds(response) == ["ToolListing", "ToolCall", "ToolCall", "ToolResult"]
    assert response.stop.reason == "tool_call"
    assert len(Acting.seen) == 1


@pytest.mark.parametrize("name", ["break", "add"])
async def test_what_an_executor_raises_is_a_result_that_the_model_reads(name: str) -> None:
    async with acting([calling(name)], SAY_DONE) as stack:
        response = await answered(stack, asking())
    result = next(part for part in response.parts if isinstance(part, ir.ToolResult))
    assert result.is_error
    assert "the tool failed" in ir.text_of(result.content)
    assert "secret" not in ir.text_of(result.content)
    assert response.stop.reason == "end"


async def test_no_more_calls_are_run_than_the_client_allows() -> None:
    calls: list[ir.Part] = [calling("echo", str(n), text="x") for n in range(3)]
    async with acting(calls, SAY_DONE) as stack:
        response = await answered(stack, asking(max_tool_calls=2))
    assert len(Desk.calls) == 2
    assert kinds(response).count("ToolCall") == 2
    assert Acting.seen[1].tool_choice.mode == "none"
    results = [part for part in Acting.seen[1].turns[-1].parts if isinstance(part, ir.ToolResult)]
    assert [result.is_error for result in results] == [False, False, True]


async def test_a_model_that_calls_for_ever_is_stopped() -> None:
    async with acting([calling("echo", text="x")]) as stack:
        response = await answered(stack, asking())
    assert len(Acting.seen) == 32
    assert Acting.seen[-1].tool_choice.mode == "none"
    assert response.stop.reason == "pause"


async def test_a_choice_that_forces_a_call_holds_for_the_first_round_only() -> None:
    choice = ir.ToolChoice("named", "mcp", kind="server", server="desk", function="echo")
    async with acting([calling("echo", text="x")], SAY_DONE) as stack:
        await answered(stack, asking(tool_choice=choice))
    assert [request.tool_choice.mode for request in Acting.seen] == ["named", "auto"]
    assert Acting.seen[0].tool_choice.name == "echo"


async def test_closing_the_answer_cancels_the_calls_that_run() -> None:
    Desk.waiting = asyncio.Event()
    async with acting([calling("wait")], SAY_DONE) as stack:
        async with aclosing(stack.generate(asking())) as events:
            async for event in events:
                if isinstance(event, ir.PartStarted) and isinstance(event.part, ir.ToolCall):
                    break
            while not Desk.calls:
                await asyncio.sleep(0)
        assert Desk.gone == ["cancelled"]


async def test_a_server_that_is_away_is_told_and_the_model_does_without() -> None:
    async with acting(SAY_DONE) as stack:
        response = await answered(stack, asking(desk("away")))
    assert response.parts == (ir.ToolListing("away", (), "nobody answers"), ir.Text("done"))
    assert Acting.seen[0].tools == ()


async def test_a_strict_model_refuses_to_do_without() -> None:
    models = {"acting": {"provider": "acting", "fidelity": "strict"}}
    async with acting(SAY_DONE, models=models) as stack:
        with pytest.raises(NotSupported, match="the tools of away: nobody answers"):
            await answered(stack, asking(desk("away")))


async def test_a_tool_that_may_not_be_asked_for_refuses_the_request() -> None:
    async with acting(SAY_DONE) as stack:
        with pytest.raises(InvalidRequest, match="not here"):
            await answered(stack, asking(desk("forbidden")))
    assert Acting.seen == []


async def test_a_call_that_waits_for_the_client_ends_the_answer() -> None:
    tool = desk(approval="always", exceptions=("add",))
    calls: list[ir.Part] = [calling("add", "a", a=1, b=1), calling("echo", "e", text="x")]
    async with acting(calls, SAY_DONE) as stack:
        response = await answered(stack, asking(tool))
    assert [name for name, _ in Desk.calls] == ["add"]
    last = response.parts[-1]
    assert isinstance(last, ir.ToolCall)
    assert (last.pending, last.name, last.arguments) == (True, "echo", '{"text": "x"}')
    assert response.stop.reason == "end"
