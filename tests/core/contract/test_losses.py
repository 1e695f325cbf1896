"""The loss ledger and the header that shows it."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from polystack.core import ir
from polystack.core.contract.losses import Ledger, Loss, Verdict, fidelity, foreign

verdicts = st.sampled_from(get_args(Verdict))
losses = st.lists(st.builds(Loss, st.text(min_size=1, max_size=40), verdicts, st.text()))


def test_nothing_lost_is_exact() -> None:
    assert fidelity([]) == "exact"
    assert fidelity([Loss("a", "mapped", "in another shape")]) == "exact"


def test_the_worst_comes_first_and_each_verdict_is_named_once() -> None:
    found = [
        Loss("top_k", "dropped", ""),
        Loss("tool_choice", "approximated", ""),
        Loss("messages.2.cache_control", "dropped", ""),
        Loss("thread", "refused", ""),
    ]
    shown = "refused=thread; dropped=top_k,messages.2.cache_control; approximated=tool_choice"
    assert fidelity(found) == shown


def test_paths_that_differ_in_their_numbers_are_counted() -> None:
    found = [Loss(f"messages.{i}.content.{i}.new", "dropped", "") for i in range(7)]
    assert fidelity(found) == "dropped=messages.*.content.*.new(7)"


def test_what_does_not_fit_is_counted() -> None:
    found = [Loss(f"field_{chr(97 + i)}", "dropped", "") for i in range(20)]
    assert fidelity(found, limit=40) == "dropped=field_a,field_b; +18 more"


@given(losses, st.integers(24, 200))
def test_the_header_is_short_printable_and_one_line(found: list[Loss], limit: int) -> None:
    value = fidelity(found, limit)
    assert len(value) <= limit
    assert value.isascii()
    assert value.isprintable()


def test_a_ledger_counts_a_path_once_for_each_verdict() -> None:
    ledger = Ledger()
    ledger.dropped("a", "first")
    ledger.dropped("a", "second")
    ledger.mapped("a", "third")
    assert list(ledger) == [Loss("a", "dropped", "first"), Loss("a", "mapped", "third")]


def test_foreign_fields_are_found_wherever_they_stand() -> None:
    text = ir.Text("x", extra={"messages": {"cache_control": {}, "gone": None}}, at="messages.0")
    call = ir.ToolCall("c", "f", "{}", extra={"chat": {"index": 1, "_form": 2}})
    server = ir.Tool("web", kind="server", extra={"messages": {"max_uses": 3}})
    request = ir.Request(
        "m",
        (ir.Turn("user", (text, call), at="messages.9"),),
        tools=(server,),
        extra={"messages": {"container": "x"}},
    )
    assert [field.path for field in foreign(request)] == [
        "container",
        "messages.0.cache_control",
        "messages.9.index",
    ]
    assert [field.path for field in foreign(request, "messages")] == ["messages.9.index"]
