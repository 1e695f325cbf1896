"""System text: the billing line, the front of a conversation, and its middle."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.core.canon import ir
from polystack.providers.remote.fitting import Fitted, fit
from polystack.providers.remote.traits import Traits

HI, BYE = ir.Turn("user", (ir.Text("Hi"),)), ir.Turn("user", (ir.Text("Bye"),))
YES = ir.Turn("assistant", (ir.Text("Yes"),))
BILLING = ir.Text("x-anthropic-billing-header: cc_version=2; cch=1;", at="system.0")
TOLD = ir.Text("<system>\nMind.\n</system>")


def system(text: str = "Mind.", role: ir.Role = "system") -> ir.Turn:
    return ir.Turn(role, (ir.Text(text),), at="messages.1")


def fitted(
    *turns: ir.Turn, origin: str = "elsewhere", upstream: str = "chat", **traits: Any
) -> Fitted:
    request = ir.Request("m", turns, (ir.Text("Be."),), origin=origin)
    return fit(request, upstream, Traits(**traits), "up")


def losses(result: Fitted) -> dict[str, str]:
    return {loss.path: loss.verdict for loss in result.losses if loss.path != "max_tokens"}


@pytest.mark.parametrize("origin", ["messages", "chat"])
@pytest.mark.parametrize(("setting", "rest"), [("strip", 1), ("keep", 2)])
def test_the_billing_line_is_cut_for_upstreams_that_do_not_bill_by_it(
    origin: str, setting: Any, rest: int
) -> None:
    request = ir.Request("m", (HI,), (BILLING, ir.Text("Be.")), origin=origin)
    result = fit(request, "messages", Traits(billing_header=setting), "up")
    assert result.request.instructions == (BILLING, ir.Text("Be."))[-rest:]
    assert losses(result) == ({"system.0": "mapped"} if setting == "strip" else {})


def test_words_behind_the_billing_line_stay() -> None:
    first = ir.Text(f"{BILLING.text}\nBe kind.")
    request = ir.Request("m", (HI,), (first,), origin="messages")
    assert fit(request, "messages", Traits(), "up").request.instructions == (ir.Text("Be kind."),)


def test_the_front_of_a_conversation_becomes_the_instructions() -> None:
    turns = system("One.", "developer"), system("Two."), HI, YES
    chat = fitted(*turns).request
    assert chat.instructions == (ir.Text("Be.\n\nOne.\n\nTwo."),)
    messages = fitted(*turns, upstream="messages").request
    assert messages.instructions == (ir.Text("Be."), ir.Text("One."), ir.Text("Two."))
    assert chat.turns == messages.turns == (HI, YES)
    assert fitted(*turns, upstream="responses").request.turns == turns


def test_developers_speak_as_the_system_where_only_openai_tells_them_apart() -> None:
    result = fitted(HI, system(role="developer"))
    assert [turn.role for turn in result.request.turns] == ["user", "system"]
    assert losses(result) == {"messages.1.role": "mapped"}
    assert fitted(HI, system(role="developer"), developer_role=True).request.turns[1].role == (
        "developer"
    )


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_the_middle_of_a_conversation_stays_where_the_upstream_takes_it(upstream: str) -> None:
    assert fitted(HI, system(), YES, upstream=upstream).request.turns == (HI, system(), YES)


@pytest.mark.parametrize("origin", ["messages", "elsewhere"])
@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((HI, system(), YES), (("user", "Hi", TOLD.text), ("assistant", "Yes"))),
        (
            (HI, YES, system(), BYE),
            (("user", "Hi"), ("assistant", "Yes"), ("user", TOLD.text, "Bye")),
        ),
        ((HI, YES, system()), (("user", "Hi"), ("assistant", "Yes"), ("user", TOLD.text))),
    ],
)
def test_else_the_user_beside_it_tells_it(
    turns: tuple[ir.Turn, ...], expected: tuple[Any, ...], origin: str
) -> None:
    result = fitted(*turns, origin=origin, upstream="messages", system_in_conversation=False)
    told = tuple(
        (turn.role, *(part.text for part in turn.parts if isinstance(part, ir.Text)))
        for turn in result.request.turns
    )
    assert told == expected
    assert losses(result) == {"messages.1": "approximated"}


def test_it_is_told_behind_the_results_of_tools() -> None:
    call, result = ir.ToolCall("c", "f", "{}"), ir.ToolResult("c", (ir.Text("done"),))
    turns = ir.Turn("assistant", (call,)), ir.Turn("user", (result,)), system()
    fitting = fitted(HI, *turns, upstream="messages", system_in_conversation=False)
    assert fitting.request.turns[-1] == ir.Turn("user", (result, TOLD))
    fitting = fitted(HI, *turns, system_in_conversation=False)
    assert fitting.request.turns[-2:] == (ir.Turn("user", (result,)), ir.Turn("user", (TOLD,)))


@pytest.mark.parametrize("takes", [True, False])
def test_a_conversation_of_system_text_alone_is_told_to_messages_by_the_user(takes: bool) -> None:
    result = fitted(
        system("One."), system(), upstream="messages", system_in_conversation=takes
    ).request
    assert result.instructions == (ir.Text("Be."), ir.Text("One."))
    assert result.turns == (ir.Turn("user", (TOLD,)),)


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_a_request_of_the_upstreams_own_protocol_keeps_its_system_turns(api: str) -> None:
    turns = system("One.", "developer"), HI, system(), YES
    assert fitted(*turns, origin=api, upstream=api).request.turns == turns
