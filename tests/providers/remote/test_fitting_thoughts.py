"""Earlier thoughts: back to their maker, as text to Chat servers, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.core.canon import ir
from polystack.core.contract.api import Api
from polystack.providers.remote.fitting import Fitted, fit
from polystack.providers.remote.traits import Traits

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
SIGNED = ir.Reasoning("Hm", signature="s", at="p")
SEALED = ir.Reasoning(sealed="x", at="p")
CALL = ir.ToolCall("c", "f", "{}")


def own(thought: ir.Reasoning, origin: str = "up") -> ir.Reasoning:
    return ir.Reasoning(
        thought.text, thought.summary, thought.signature, thought.sealed, origin, thought.id, at="p"
    )


def fitted(
    *parts: ir.Part, upstream: str, origin: str = "elsewhere", **traits: Any
) -> tuple[Fitted, dict[str, str]]:
    turns = (ir.Turn("assistant", (*parts, ir.Text("Hi"))),)
    result = fit(ir.Request("m", turns, origin=origin), upstream, Traits(**traits), "up")
    verdicts: dict[str, str] = {
        each.path: each.verdict for each in result.losses if each.path != "max_tokens"
    }
    return result, verdicts


def thoughts(result: Fitted) -> list[ir.Reasoning]:
    return [p for turn in result.request.turns for p in turn.parts if isinstance(p, ir.Reasoning)]


def sent(result: Fitted, upstream: str) -> Any:
    body, losses = APIS[upstream].encode(result.request, "m")
    assert list(losses) == []
    return body["input" if upstream == "responses" else "messages"]


@pytest.mark.parametrize("thought", [SIGNED, SEALED])
@pytest.mark.parametrize("api", ["messages", "responses", "chat"])
def test_a_client_of_the_same_protocol_brings_back_what_it_was_given(
    thought: ir.Reasoning, api: str
) -> None:
    result, losses = fitted(thought, upstream=api, origin=api)
    assert thoughts(result) == [thought]
    assert losses == {}


@pytest.mark.parametrize("origin", ["elsewhere", "same"])
@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_a_thought_of_another_maker_is_dropped_and_never_becomes_text(
    upstream: str, origin: str
) -> None:
    client = upstream if origin == "same" else "elsewhere"
    result, losses = fitted(own(SIGNED, "other"), upstream=upstream, origin=client)
    assert thoughts(result) == []
    assert losses == {"p": "dropped"}


@pytest.mark.parametrize("thought", [ir.Reasoning("Hm", at="p"), SIGNED, SEALED])
@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_a_thought_of_unknown_origin_is_foreign_too(thought: ir.Reasoning, upstream: str) -> None:
    result, losses = fitted(thought, upstream=upstream)
    assert (thoughts(result), losses) == ([], {"p": "dropped"})


@pytest.mark.parametrize(
    ("thought", "block"),
    [
        (SIGNED, {"type": "thinking", "thinking": "Hm", "signature": "s"}),
        (SEALED, {"type": "redacted_thinking", "data": "x"}),
    ],
)
def test_what_an_anthropic_upstream_made_returns_to_it_intact(
    thought: ir.Reasoning, block: Any
) -> None:
    result, losses = fitted(own(thought), upstream="messages")
    assert sent(result, "messages")[0]["content"][0] == block
    assert losses == {}


def test_what_a_responses_upstream_made_returns_to_it_intact() -> None:
    thought = ir.Reasoning(summary=("short",), sealed="x", origin="up", id="rs_1")
    result, losses = fitted(thought, upstream="responses")
    assert sent(result, "responses")[0] == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "short"}],
        "encrypted_content": "x",
    }
    assert losses == {}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("thought", "lost"),
    [
        (ir.Reasoning("Hm", at="p"), {}),
        (SIGNED, {"p.signature": "dropped"}),
        (ir.Reasoning(summary=("Hm",), sealed="x", at="p"), {"p.sealed": "dropped"}),
        (ir.Reasoning("Hm", ("short",), at="p"), {"p.summary": "dropped"}),
    ],
)
def test_chat_servers_get_the_text_in_their_own_field(
    thought: ir.Reasoning, lost: dict[str, str], field: str
) -> None:
    result, losses = fitted(thought, upstream="chat", reasoning_field=field)
    assert sent(result, "chat") == [{"role": "assistant", "content": "Hi", field: "Hm"}]
    assert losses == lost


def test_a_chat_server_without_such_a_field_gets_none() -> None:
    result, losses = fitted(SIGNED, upstream="chat", reasoning_field=None)
    assert sent(result, "chat") == [{"role": "assistant", "content": "Hi"}]
    assert losses == {"p": "dropped"}


def test_what_only_its_maker_can_read_is_dropped_for_chat_servers() -> None:
    result, losses = fitted(SEALED, upstream="chat")
    assert (thoughts(result), losses) == ([], {"p": "dropped"})


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_an_empty_thought_is_no_loss(upstream: str) -> None:
    result, losses = fitted(ir.Reasoning(at="p"), upstream=upstream)
    assert (thoughts(result), losses) == ([], {})


def test_details_of_a_chat_servers_own_go_back_as_they_came() -> None:
    pieces = '[{"type":"reasoning.text","text":"Hm","signature":"s"}]'
    thought = ir.Reasoning("Hm", sealed=pieces, origin="up")
    result, losses = fitted(thought, upstream="chat", reasoning_field="reasoning_details")
    assert sent(result, "chat")[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm", "signature": "s"}
    ]
    assert losses == {}


def test_thoughts_of_one_turn_are_one_text_for_chat() -> None:
    result, _ = fitted(ir.Reasoning("One."), CALL, ir.Reasoning("Two."), upstream="chat")
    assert sent(result, "chat")[0]["reasoning_content"] == "One.\n\nTwo."


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_server_that_insists_on_a_thought_beside_calls_gets_an_empty_one(field: str) -> None:
    result, _ = fitted(CALL, upstream="chat", reasoning_required=True, reasoning_field=field)
    assert sent(result, "chat")[0][field] == ""
    result, _ = fitted(upstream="chat", reasoning_required=True)
    assert "reasoning_content" not in sent(result, "chat")[0]
