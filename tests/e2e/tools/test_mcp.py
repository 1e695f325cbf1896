"""The executor `mcp` with a server of the official package, over pipes and over HTTP."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from polystack.core import ir
from polystack.core.canon.collect import Collector
from polystack.core.canon.errors import InvalidRequest

from .acting import SAY_DONE, Acting, acting, asking, calling, desk
from .desk_server import redirecting, served

PIPES = {"command": [sys.executable, str(Path(__file__).with_name("desk_server.py"))]}


@asynccontextmanager
async def equipped(server: dict[str, Any] | None, *rounds: Any, **more: Any) -> AsyncIterator[Any]:
    servers = {} if server is None else {"desk": server}
    config = {"servers": servers, "timeout": 30, **more}
    executors = {"mcp": {"type": "mcp", "config": config}}
    async with acting(*rounds, executors=executors) as stack:
        yield stack


@asynccontextmanager
async def a_server(transport: str) -> AsyncIterator[dict[str, Any]]:
    if transport == "pipes":
        yield PIPES
        return
    async with served() as url:
        yield {"url": url}


async def answered(stack: Any, *tools: ir.Tool) -> ir.Response:
    collector = Collector()
    async for event in stack.generate(asking(*tools)):
        collector.feed(event)
    return collector.response()


def results(response: ir.Response) -> list[tuple[str, bool]]:
    found = [part for part in response.parts if isinstance(part, ir.ToolResult)]
    return [(ir.text_of(part.content), part.is_error) for part in found]


@pytest.mark.parametrize("transport", ["pipes", "http"])
async def test_a_tool_of_a_server_is_called_and_its_errors_are_read(transport: str) -> None:
    rounds: list[Any] = [[calling("add", a=2, b=3)], [calling("divide", a=1, b=0)], SAY_DONE]
    async with a_server(transport) as server, equipped(server, *rounds) as stack:
        response = await answered(stack)
        assert stack.health()["executors"]["mcp"] == {"type": "mcp", "servers": 1, "open": 1}
    [listing] = [part for part in response.parts if isinstance(part, ir.ToolListing)]
    assert [tool.name for tool in listing.tools] == ["add", "divide", "leave"]
    assert listing.tools[0].description == "The sum of two numbers."
    (total, failed), (broken, broke) = results(response)
    assert (total, failed) == ("5", False)
    assert broke
    assert "divide" in broken
    schema = Acting.seen[0].tools[0].schema or {}
    assert schema["required"] == ["a", "b"]


async def test_a_server_that_ends_in_a_call_is_started_again_for_the_next() -> None:
    rounds: list[Any] = [[calling("leave")], [calling("add", a=1, b=1)], SAY_DONE]
    async with equipped(PIPES, *rounds) as stack:
        response = await answered(stack)
    (lost, failed), (total, fine) = results(response)
    assert failed
    assert "desk" in lost
    assert (total, fine) == ("2", False)


async def test_a_program_that_does_not_run_is_told_and_the_model_does_without() -> None:
    server = {"command": [sys.executable, "-c", "raise SystemExit(1)"]}
    async with equipped(server, SAY_DONE) as stack:
        response = await answered(stack)
    listing = response.parts[0]
    assert isinstance(listing, ir.ToolListing)
    assert listing.error is not None
    assert "desk" in listing.error
    assert response.parts[1:] == (ir.Text("done"),)


async def test_arguments_that_are_no_object_reach_no_server() -> None:
    call = ir.ToolCall("call_1", "add", "[1, 2]")
    async with equipped(PIPES, [call], SAY_DONE) as stack:
        response = await answered(stack)
    assert results(response) == [("the arguments are no JSON object", True)]


async def test_a_client_may_name_an_address_that_the_operator_allows() -> None:
    async with served() as url:
        rounds = [[calling("add", a=2, b=2)], SAY_DONE]
        async with equipped(None, *rounds, allow=[url]) as stack:
            response = await answered(stack, desk("mine", url=url))
    assert results(response) == [("4", False)]


@pytest.mark.parametrize("label", ["mine", "desk"])
async def test_any_other_address_is_refused_before_anything_is_asked(label: str) -> None:
    async with equipped(PIPES, SAY_DONE, allow=["https://tools.example.com/*"]) as stack:
        with pytest.raises(InvalidRequest, match="not allowed here") as refused:
            await answered(stack, desk(label, url="http://127.0.0.1:9/mcp"))
    assert "127.0.0.1" not in refused.value.message
    assert Acting.seen == []


async def test_a_label_that_nobody_knows_is_refused_with_those_there_are() -> None:
    async with equipped(PIPES, SAY_DONE) as stack:
        with pytest.raises(InvalidRequest, match="no tool server 'desc' is known here"):
            await answered(stack, desk("desc"))


async def test_no_redirect_leads_to_another_address() -> None:
    async with (
        served() as url,
        redirecting(url) as here,
        equipped(None, SAY_DONE, allow=[here]) as stack,
    ):
        response = await answered(stack, desk("mine", url=here))
    listing = response.parts[0]
    assert isinstance(listing, ir.ToolListing)
    assert listing.tools == ()
    assert listing.error is not None
