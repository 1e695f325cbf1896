"""What an upstream that speaks Messages is asked."""

from __future__ import annotations

import base64
from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import ToolUnionParam

from polystack.apis.messages.api import Messages
from polystack.core.canon import errors, ir
from polystack.core.contract.api import Document

API = Messages()
HI = ir.Turn("user", (ir.Text("Hi"),))
LIMIT = ir.Sampling(max_tokens=9)


def sent(request: ir.Request) -> tuple[Document, dict[str, str]]:
    """The body for the upstream, and the verdict on each place that was lost."""
    body, losses = API.encode(request, "claude")
    return body, {loss.path: loss.verdict for loss in losses}


def asked(*turns: ir.Turn, **fields: Any) -> ir.Request:
    """A request that came in by another protocol."""
    fields.setdefault("sampling", LIMIT)
    return ir.Request("tiny", turns or (HI,), origin="chat", **fields)


# Requests of this protocol -----------------------------------------------------------------------


def tool_types() -> list[Any]:
    return [each for each in get_args(ToolUnionParam) if "ToolParam" not in each.__name__[:9]]


@pytest.mark.parametrize("tool", tool_types(), ids=lambda tool: tool.__name__)
def test_a_tool_of_every_type_that_the_sdk_knows_comes_back(tool: Any) -> None:
    hints = get_type_hints(tool)
    wire = {"type": get_args(hints["type"])[0], "cache_control": {"type": "ephemeral"}}
    if "name" in hints:
        wire["name"] = get_args(hints["name"])[0]
    document = {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [wire],
    }
    request = API.decode(document)
    assert (request.tools[0].kind, request.tools[0].type) == ("server", wire["type"])
    assert sent(request) == (document, {})


def test_there_are_twenty_such_types() -> None:
    assert len(tool_types()) == 20


def test_a_single_bare_text_is_written_as_a_string() -> None:
    block = {"type": "text", "text": "Hi"}
    document = {"model": "claude", "max_tokens": 9, "system": [block]}
    document["messages"] = [{"role": "user", "content": [block]}]
    body, _ = sent(API.decode(document))
    assert (body["system"], body["messages"][0]["content"]) == ("Hi", "Hi")


def test_extensions_of_this_protocol_are_sent_on() -> None:
    document = {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "seed": 7,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert sent(API.decode(document)) == (document, {})


# Requests of other protocols ---------------------------------------------------------------------


def test_leading_system_turns_become_the_system_and_later_ones_stay() -> None:
    be, later = ir.Text("Be kind."), ir.Text("Be brief.")
    turns = ir.Turn("developer", (be,)), HI, ir.Turn("developer", (later,))
    body, losses = sent(asked(*turns, instructions=(ir.Text("Be."),)))
    assert [block["text"] for block in body["system"]] == ["Be.", "Be kind."]
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
    assert losses == {}


def test_the_results_of_parallel_calls_stand_together_in_front() -> None:
    calls = ir.Turn(
        "assistant", (ir.Text(""), ir.ToolCall("a", "f", ""), ir.ToolCall("b", "f", ""))
    )
    results = [ir.Turn("user", (ir.ToolResult(id, (ir.Text(id),), id == "b"),)) for id in "ab"]
    body, _ = sent(asked(HI, calls, results[0], HI, results[1]))
    _, assistant, user = body["messages"]
    assert [block["type"] for block in assistant["content"]] == ["tool_use", "tool_use"]
    assert user["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "b", "is_error": True},
        {"type": "text", "text": "Hi"},
    ]


def test_thinking_is_sent_only_with_the_signature_that_it_came_with() -> None:
    signed, unsigned = ir.Reasoning("A", signature="s"), ir.Reasoning("B", at="messages.1.thought")
    body, losses = sent(asked(HI, ir.Turn("assistant", (signed, unsigned, ir.Text("C")))))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "A", "signature": "s"},
        {"type": "text", "text": "C"},
    ]
    assert losses == {"messages.1.thought": "dropped"}


@pytest.mark.parametrize(
    ("part", "block", "verdict"),
    [
        (ir.Refusal("No."), {"type": "text", "text": "No."}, "approximated"),
        (ir.Opaque("responses", "web_search_call", {}), None, "dropped"),
        (ir.Media("audio", "audio/wav", "AA=="), None, "dropped"),
        (ir.Media("image", data="AA=="), None, "dropped"),
        (
            ir.Media("document", "text/csv", "?"),
            None,
            "dropped",
        ),
        (
            ir.ToolCall("c", "patch", "*** x", "custom"),
            {"type": "tool_use", "id": "c", "name": "patch", "input": {"input": "*** x"}},
            "approximated",
        ),
        (
            ir.ToolCall("c", "f", '{"a":'),
            {"type": "tool_use", "id": "c", "name": "f", "input": {"__raw_arguments": '{"a":'}},
            "approximated",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_a_loss_at_its_place(
    part: ir.Part, block: Any, verdict: str
) -> None:
    placed = type(part)(**{name: getattr(part, name) for name in _fields(part)}, at="here")
    body, losses = sent(asked(ir.Turn("user", (placed, ir.Text("x")))))
    assert losses == {"here": verdict}
    content = body["messages"][0]["content"]
    assert content == ("x" if block is None else [block, {"type": "text", "text": "x"}])


def _fields(part: ir.Part) -> list[str]:
    return [name for name in part.__dataclass_fields__ if name != "at"]


def test_a_document_of_text_is_sent_as_text() -> None:
    data = base64.b64encode("é,1".encode()).decode()
    table = ir.Media("document", "text/csv", data, name="table.csv")
    body, _ = sent(asked(ir.Turn("user", (table, ir.Text("x")))))
    assert body["messages"][0]["content"][0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "é,1"},
        "title": "table.csv",
    }


def test_tools_that_take_free_text_or_stand_in_a_namespace_are_fitted() -> None:
    tools = (
        ir.Tool("f", "F.", {"type": "object"}, namespace="home", at="tools.0"),
        ir.Tool("patch", kind="custom", grammar=ir.ToolGrammar("lark", "x"), at="tools.1"),
        ir.Tool("web_search", kind="server", type="web_search", at="tools.2"),
        ir.Tool("bare", at="tools.3"),
    )
    choice = ir.ToolChoice("named", "f", "home", parallel=False)
    body, losses = sent(asked(tools=tools, tool_choice=choice))
    home, patch, bare = body["tools"]
    assert home == {"name": "home__f", "description": "F.", "input_schema": {"type": "object"}}
    assert patch["input_schema"]["required"] == ["input"]
    assert bare == {"name": "bare", "input_schema": {"type": "object"}}
    assert body["tool_choice"] == {
        "type": "tool",
        "name": "home__f",
        "disable_parallel_tool_use": True,
    }
    assert losses == {
        "tools.0.namespace": "approximated",
        "tools.1": "approximated",
        "tools.1.format": "dropped",
        "tools.2": "dropped",
    }


def test_only_allowed_tools_are_offered() -> None:
    tools = (ir.Tool("f", schema={}), ir.Tool("g", schema={}))
    body, losses = sent(asked(tools=tools, tool_choice=ir.ToolChoice("required", allowed=("g",))))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}
    assert losses == {"tool_choice": "approximated"}


@pytest.mark.parametrize(
    ("config", "thinking", "effort"),
    [
        (ir.ReasoningConfig(), None, None),
        (ir.ReasoningConfig(effort="none"), {"type": "disabled"}, None),
        (ir.ReasoningConfig(False), {"type": "disabled"}, None),
        (ir.ReasoningConfig(effort="minimal"), {"type": "adaptive"}, "low"),
        (ir.ReasoningConfig(True), {"type": "adaptive"}, None),
        (ir.ReasoningConfig(budget=2048), {"type": "enabled", "budget_tokens": 2048}, None),
        (
            ir.ReasoningConfig(effort="high", summary="auto"),
            {"type": "adaptive", "display": "summarized"},
            "high",
        ),
    ],
)
def test_reasoning_is_asked_for_in_this_protocols_words(
    config: ir.ReasoningConfig, thinking: Any, effort: str | None
) -> None:
    body, _ = sent(asked(reasoning=config))
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_options_that_messages_has_not_are_losses() -> None:
    sampling = ir.Sampling(
        temperature=1.5,
        seed=1,
        presence_penalty=0.5,
        logit_bias={1: 2.0},
        logprobs=True,
        stop=("X",),
    )
    output = ir.OutputFormat("json", verbosity="low", at="response_format")
    body, losses = sent(
        asked(sampling=sampling, output=output, metadata={"k": "v"}, user="u", stream=True)
    )
    assert (body["temperature"], body["stop_sequences"], body["stream"]) == (1.0, ["X"], True)
    assert body["metadata"] == {"user_id": "u"}
    assert losses == {
        "max_tokens": "approximated",
        "temperature": "approximated",
        **dict.fromkeys(
            "seed presence_penalty logit_bias logprobs response_format verbosity metadata".split(),
            "dropped",
        ),
    }


def test_a_schema_is_asked_for_and_its_name_needs_no_telling() -> None:
    output = ir.OutputFormat("schema", {"type": "object"}, "answer", strict=True)
    body, losses = sent(asked(output=output))
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": {"type": "object"}}
    assert losses == {}


def test_fields_of_other_protocols_are_losses_at_their_places() -> None:
    text = ir.Text("x", extra={"chat": {"colour": "red"}}, at="messages.0.content")
    _, losses = sent(asked(ir.Turn("user", (text,)), extra={"chat": {"audio": {}}}))
    assert losses == {"audio": "dropped", "messages.0.content.colour": "dropped"}


def test_state_that_an_upstream_does_not_keep_is_refused() -> None:
    with pytest.raises(errors.NotSupported) as caught:
        API.encode(asked(previous_id="resp_1"), "claude")
    assert caught.value.param == "previous_response_id"
