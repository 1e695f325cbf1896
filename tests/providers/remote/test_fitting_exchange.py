"""The order of turns: calls, their results behind them, and what else the user says."""

from __future__ import annotations

import pytest

from polystack.core.canon import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.remote.fitting import fit
from polystack.providers.remote.traits import Traits


def call(id: str, name: str = "f") -> ir.ToolCall:
    return ir.ToolCall(id, name, "{}", at=f"input.{id}")


def result(id: str, text: str = "done") -> ir.ToolResult:
    return ir.ToolResult(id, (ir.Text(text),), at=f"input.{id}.output")


def said(role: ir.Role, *parts: ir.Part) -> ir.Turn:
    return ir.Turn(role, parts)


def fitted(*turns: ir.Turn, upstream: str = "chat") -> tuple[ir.Turn, ...]:
    request = ir.Request("m", turns, origin="elsewhere")
    return fit(request, upstream, Traits(), "up").request.turns


USER, BYE = said("user", ir.Text("Hi")), said("user", ir.Text("Bye"))


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_what_the_assistant_does_at_once_is_one_turn(upstream: str) -> None:
    turns = fitted(
        USER,
        ir.Turn("assistant", (ir.Text("I look."),), "msg_1", "completed"),
        said("assistant", call("a")),
        said("assistant", call("b")),
        said("user", result("a")),
        said("user", result("b")),
        upstream=upstream,
    )
    assert turns == (
        USER,
        said("assistant", ir.Text("I look."), call("a"), call("b")),
        said("user", result("a"), result("b")),
    )


def test_rounds_of_calls_stay_apart() -> None:
    turns = fitted(
        said("assistant", call("a")),
        said("user", result("a")),
        said("assistant", call("b")),
        said("user", result("b")),
    )
    assert [len(turn.parts) for turn in turns] == [1, 1, 1, 1]


def test_results_follow_their_calls_in_the_calls_order_whatever_stands_between() -> None:
    turns = fitted(
        said("assistant", call("a"), call("b")),
        said("user", ir.Text("Wait."), result("b")),
        said("assistant", ir.Text("Hm.")),
        said("user", result("a"), ir.Text("Now.")),
    )
    assert turns == (
        said("assistant", call("a"), call("b")),
        said("user", result("a"), result("b")),
        said("user", ir.Text("Wait.")),
        said("assistant", ir.Text("Hm.")),
        said("user", ir.Text("Now.")),
    )


def test_messages_has_results_and_words_in_one_turn_with_the_results_in_front() -> None:
    turns = fitted(
        said("assistant", call("a")),
        said("user", ir.Text("Here:"), result("a")),
        BYE,
        upstream="messages",
    )
    assert turns[1:] == (said("user", result("a"), ir.Text("Here:"), ir.Text("Bye")),)


def test_text_behind_a_call_stays_behind_it_where_the_protocol_can_say_so() -> None:
    assistant = said("assistant", ir.Text("1"), call("a"), ir.Text("2"))
    results = said("user", result("a"))
    for upstream in ("messages", "responses"):
        assert fitted(assistant, results, upstream=upstream) == (assistant, results)
    request = ir.Request("m", (assistant, results), origin="messages")
    fitting = fit(request, "chat", Traits(), "up")
    assert fitting.request.turns[0].parts == (ir.Text("1\n\n2"), call("a"))
    assert [loss.verdict for loss in fitting.losses] == ["approximated"]


def test_results_that_are_missing_at_the_end_may_yet_come() -> None:
    turns = (said("assistant", call("a"), call("b")), said("user", result("b")))
    assert fitted(*turns) == turns


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ((said("user", result("x")),), "input.x.output"),
        ((said("user", result("a")), said("assistant", call("a"))), "input.a.output"),
        ((said("assistant", call("a")), said("user", result("a"), result("a"))), "input.a.output"),
        ((said("assistant", call("a")), USER), "input.a"),
        (
            (
                said("assistant", call("a")),
                said("user", result("a")),
                said("assistant", call("b")),
                USER,
            ),
            "input.b",
        ),
        ((said("assistant", call("a"), call("a")),), "input.a"),
    ],
    ids=["orphan", "before its call", "twice", "missing", "missing later", "one id twice"],
)
@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_a_conversation_that_no_upstream_takes_is_refused_by_name(
    turns: tuple[ir.Turn, ...], param: str, upstream: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fitted(*turns, upstream=upstream)
    assert caught.value.param == param


def test_an_id_that_was_used_in_an_earlier_round_becomes_another() -> None:
    once = said("assistant", call("call_0")), said("user", result("call_0"))
    turns = fitted(*once, *once)
    parts = [part for turn in turns for part in turn.parts]
    ids = [part.id if isinstance(part, ir.ToolCall) else part.call_id for part in parts]  # type: ignore[union-attr]
    assert ids == ["call_0", "call_0", "call_0_2", "call_0_2"]


@pytest.mark.parametrize(
    ("upstream", "id", "sent"),
    [
        ("messages", "functions.f:0", "functions_f_0"),
        ("chat", "functions.f:0", "functions.f:0"),
        ("chat", "x" * 50, "x" * 40),
        ("responses", "x" * 70, "x" * 64),
    ],
)
def test_an_id_that_an_upstream_refuses_is_mended_in_call_and_result(
    upstream: str, id: str, sent: str
) -> None:
    turns = fitted(said("assistant", call(id)), said("user", result(id)), upstream=upstream)
    assert [part.id for part in turns[0].parts if isinstance(part, ir.ToolCall)] == [sent]
    assert [p.call_id for p in turns[1].parts if isinstance(p, ir.ToolResult)] == [sent]


def test_the_result_of_a_call_that_cannot_be_shown_goes_with_it() -> None:
    opaque = ir.Opaque("elsewhere", "new_call", {"id": "n"}, at="input.0")
    request = ir.Request(
        "m", (USER, said("assistant", opaque), said("user", result("n")), BYE), origin="elsewhere"
    )
    fitting = fit(request, "chat", Traits(), "up")
    assert fitting.request.turns == (USER, BYE)
    assert {loss.path: loss.verdict for loss in fitting.losses} == {
        "input.0": "dropped",
        "input.n.output": "dropped",
    }
