"""Names as an upstream takes them, in tools, choices, history and answers; and tools it has not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.core.canon import ir
from polystack.providers.remote.fitting import Fitted, fit
from polystack.providers.remote.fitting.legal import Legal
from polystack.providers.remote.traits import Traits

SEARCH = ir.Tool("web_search", kind="server", type="web_search", at="tools.9")


def fitted(
    *tools: ir.Tool,
    turns: tuple[ir.Turn, ...] = (),
    upstream: str = "chat",
    origin: str = "responses",
    traits: Traits | None = None,
    **fields: Any,
) -> Fitted:
    request = ir.Request("m", turns, tools=tools, origin=origin, **fields)
    return fit(request, upstream, traits or Traits(), "up")


def names(result: Fitted) -> list[str]:
    return [tool.name for tool in result.request.tools]


def restored(result: Fitted, name: str) -> ir.ToolCall:
    (event,) = result.restore().feed(ir.PartStarted(0, ir.ToolCall("c", name, "")))
    assert isinstance(event, ir.PartStarted)
    assert isinstance(event.part, ir.ToolCall)
    return event.part


def losses(result: Fitted) -> dict[str, str]:
    return {loss.path: loss.verdict for loss in result.losses}


@pytest.mark.parametrize("upstream", ["chat", "messages"])
def test_a_namespace_is_joined_to_the_name_and_comes_back_apart(upstream: str) -> None:
    result = fitted(ir.Tool("spawn", namespace="agents", at="tools.0"), upstream=upstream)
    assert names(result) == ["agents__spawn"]
    assert result.request.tools[0].namespace is None
    assert losses(result) == {"tools.0.namespace": "mapped"} | (
        {"max_output_tokens": "mapped"} if upstream == "messages" else {}
    )
    assert restored(result, "agents__spawn") == ir.ToolCall("c", "spawn", "", namespace="agents")


def test_a_name_with_two_underscores_of_its_own_stays_whole() -> None:
    result = fitted(ir.Tool("mcp__server__tool"))
    assert restored(result, "mcp__server__tool").namespace is None
    assert restored(result, "mcp__server__tool").name == "mcp__server__tool"


def test_a_name_that_nobody_offered_passes_as_it_is() -> None:
    result = fitted(ir.Tool("spawn", namespace="agents"))
    assert restored(result, "other__tool") == ir.ToolCall("c", "other__tool", "")


def test_names_become_legal_and_no_two_the_same() -> None:
    tools = [
        ir.Tool("a.b"),
        ir.Tool("a_b"),
        ir.Tool("a b"),
        ir.Tool("b", namespace="a"),
        ir.Tool("x" * 70),
    ]
    result = fitted(*tools)
    assert names(result) == ["a_b_2", "a_b", "a_b_3", "a__b", "x" * 64]
    assert [restored(result, name).name for name in names(result)] == [t.name for t in tools]


def test_calls_of_earlier_turns_and_the_choice_follow_their_tools() -> None:
    call = ir.ToolCall("c", "spawn", "{}", namespace="agents")
    gone = ir.ToolCall("d", "gone.tool", "{}")
    results = ir.ToolResult("c", ()), ir.ToolResult("d", ())
    result = fitted(
        ir.Tool("spawn", namespace="agents"),
        turns=(ir.Turn("assistant", (call, gone)), ir.Turn("user", results)),
        tool_choice=ir.ToolChoice("named", "spawn", "agents"),
    )
    calls = [part for part in result.request.turns[0].parts if isinstance(part, ir.ToolCall)]
    assert [call.name for call in calls] == ["agents__spawn", "gone_tool"]
    assert result.request.tool_choice.name == "agents__spawn"
    assert result.request.tool_choice.namespace is None


def test_the_tools_that_may_be_called_keep_their_new_names() -> None:
    choice = ir.ToolChoice("required", allowed=("spawn", "plain"))
    tools = ir.Tool("spawn", namespace="agents"), ir.Tool("plain"), ir.Tool("other")
    assert fitted(*tools, tool_choice=choice).request.tool_choice.allowed == (
        "agents__spawn",
        "plain",
    )


def test_the_first_tool_of_a_namespace_tells_what_it_is_for() -> None:
    about: ir.Extra = {"responses": {"_namespace": {"description": "For agents."}}}
    first = ir.Tool("a", "Does a.", namespace="agents", extra=about, at="tools.0.tools.0")
    result = fitted(first, ir.Tool("b", "Does b.", namespace="agents"))
    told = [tool.description for tool in result.request.tools]
    assert told == ["agents: For agents.\n\nDoes a.", "Does b."]
    assert losses(result)["tools.0.tools.0.namespace.description"] == "approximated"


@pytest.mark.parametrize("takes", [True, False])
def test_responses_keeps_namespaces_where_the_upstream_takes_them(takes: bool) -> None:
    tool = ir.Tool("spawn", schema={}, namespace="agents")
    call = ir.Turn("assistant", (ir.ToolCall("c", "spawn", "{}", namespace="agents"),))
    result = fitted(tool, turns=(call,), upstream="responses", traits=Traits(namespaces=takes))
    if takes:
        assert (result.request.tools, result.request.turns) == ((tool,), (call,))
    else:
        assert names(result) == ["agents__spawn"]
        assert restored(result, "agents__spawn").namespace == "agents"


@given(st.lists(st.text("ab._ é", max_size=5), max_size=8))
def test_every_key_has_a_legal_word_of_its_own(wanted: list[str]) -> None:
    legal = Legal(4, "[^a-z_]")
    words = {key: legal.word(key, key) for key in wanted}
    assert len(set(words.values())) == len(words)
    assert all(1 <= len(word) <= 4 or word[-1].isdigit() for word in words.values())
    assert words == {key: legal.word(key, key) for key in wanted}


# Server tools ------------------------------------------------------------------------------------


def test_a_tool_of_a_servers_own_is_dropped_and_choosing_it_is_no_choice() -> None:
    choice = ir.ToolChoice("named", "web_search", kind="server", at="tool_choice")
    result = fitted(ir.Tool("f"), SEARCH, tool_choice=choice)
    assert names(result) == ["f"]
    assert result.request.tool_choice.mode == "auto"
    assert losses(result) == {"tools.9": "dropped", "tool_choice": "dropped"}


@pytest.mark.parametrize("upstream", ["chat", "messages"])
def test_the_choice_goes_with_the_last_tool(upstream: str) -> None:
    choice = ir.ToolChoice("required", parallel=False)
    result = fitted(SEARCH, tool_choice=choice, upstream=upstream)
    assert result.request.tools == ()
    assert result.request.tool_choice == ir.ToolChoice()
    assert losses(result)["tool_choice"] == "dropped"


def test_what_may_be_called_is_narrowed_and_never_widened() -> None:
    choice = ir.ToolChoice("auto", allowed=("f", "web_search"))
    result = fitted(ir.Tool("f"), ir.Tool("g"), SEARCH, tool_choice=choice)
    assert result.request.tool_choice.allowed == ("f",)
    none = fitted(ir.Tool("f"), SEARCH, tool_choice=ir.ToolChoice("auto", allowed=("web_search",)))
    assert none.request.tool_choice.mode == "none"
    assert losses(none)["tool_choice"] == "dropped"


def test_an_upstream_without_the_switch_is_not_told_about_calls_at_once() -> None:
    traits = Traits(parallel_flag=False)
    result = fitted(ir.Tool("f"), tool_choice=ir.ToolChoice(parallel=False), traits=traits)
    assert result.request.tool_choice.parallel is None
    assert losses(result) == {"parallel_tool_calls": "dropped"}
    result = fitted(ir.Tool("f"), tool_choice=ir.ToolChoice(parallel=True), traits=traits)
    assert losses(result) == {}


def test_a_schema_of_an_object_has_properties_if_none() -> None:
    result = fitted(ir.Tool("f", schema={"type": "object"}), ir.Tool("g"))
    assert [tool.schema for tool in result.request.tools] == [
        {"type": "object", "properties": {}}
    ] * 2


@pytest.mark.parametrize(
    ("upstream", "strict", "sent"),
    [("responses", None, False), ("responses", True, True), ("chat", False, None)],
)
def test_strict_is_said_where_silence_means_another_thing(
    upstream: str, strict: bool | None, sent: bool | None
) -> None:
    result = fitted(ir.Tool("f", strict=strict), upstream=upstream, origin="messages")
    assert result.request.tools[0].strict is sent
