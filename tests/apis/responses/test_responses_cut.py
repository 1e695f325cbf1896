"""Calls in an answer that was cut short: what is half is never shown as whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polystack.apis.responses.api import Responses
from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.contract.api import Context

API = Responses()
ASKED = API.decode({"model": "m", "input": "Hi", "stream": True})
CONTEXT = ("0" * 32, 0, "m")


def overlapping(first: str, second: str, reason: ir.StopReason) -> list[ir.Event]:
    """Two calls that were open together until the answer ended."""
    return [
        ir.Started("x", "m"),
        ir.PartStarted(0, ir.ToolCall("a", "f", "")),
        ir.PartStarted(1, ir.ToolCall("b", "g", "")),
        ir.Delta(1, second),
        ir.Delta(0, first),
        ir.PartEnded(0),
        ir.PartEnded(1),
        ir.Finished(ir.Stop(reason)),
    ]


def streamed(events: list[ir.Event]) -> list[Any]:
    encoder = API.encoder(ASKED, Context(*CONTEXT))
    data = b"".join(encoder.feed(event) for event in events)
    lines = (line for line in data.split(b"\n") if line.startswith(b"data: "))
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


def statuses(events: list[ir.Event]) -> list[str]:
    done = [e["item"] for e in streamed(events) if e["type"] == "response.output_item.done"]
    final = streamed(events)[-1]["response"]["output"]
    whole = API.document(ASKED, [collect(events)], Context(*CONTEXT))["output"]
    assert done == final == whole
    return [item["status"] for item in done]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ('{"a": ', '{"b": 1}', ["incomplete", "incomplete"]),
        ('{"a": 1}', '{"b": ', ["completed", "incomplete"]),
        ("", '{"b": ', ["completed", "incomplete"]),
    ],
)
def test_an_earlier_call_that_was_cut_is_incomplete(
    first: str, second: str, expected: list[str]
) -> None:
    assert statuses(overlapping(first, second, "length")) == expected


def test_in_an_answer_that_was_not_cut_every_call_is_completed() -> None:
    assert statuses(overlapping("{", "}", "tool_call")) == ["completed", "completed"]


def test_a_call_that_others_follow_is_shown_before_the_answer_ends() -> None:
    events = overlapping("{}", "", "tool_call")
    after_the_first = [*events[:6], ir.Delta(1, "{}")]
    kinds = [each["type"] for each in streamed(after_the_first)]
    assert kinds.count("response.output_item.added") == 2
    assert kinds[-1] == "response.function_call_arguments.delta"
