"""Scripts: which answer is given, what it becomes, and what a client's parameters do to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from scripting import (
    ASKED,
    HI,
    IMAGE,
    OPAQUE,
    OVERFLOW,
    RESULT,
    SAID,
    TOOL,
    answer,
    events,
    provider,
    request,
    text,
)

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import (
    ConfigError,
    InvalidRequest,
    Overloaded,
    StackError,
)
from polystack.providers.scripted.provider import Scripted, Settings


def opposite(value: str | int | bool) -> str | int | bool:
    match value:
        case bool():
            return not value
        case int():
            return value + 7
        case str():
            return "zzz"


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ({"text": "ell"}, request("hello")),
        ({"text": "/^h.llo$/"}, request("hello")),
        ({"system": "kind"}, request(instructions=(ir.Text("Be kind."),))),
        ({"model": "scripted"}, request()),
        ({"turn": 1}, request()),
        ({"turn": 2}, ir.Request("scripted", (SAID, SAID, ASKED))),
        ({"tool": "weather"}, request(tools=(TOOL,))),
        ({"tools": True}, request(tools=(TOOL,))),
        ({"tools": False}, request(tools=(TOOL,), tool_choice=ir.ToolChoice("none"))),
        ({"tool_result": True}, ir.Request("scripted", (RESULT,))),
        ({"image": True}, ir.Request("scripted", (IMAGE,))),
        ({"structured": True}, request(output=ir.OutputFormat("json"))),
        ({"json": True}, request(output=ir.OutputFormat("json"))),
        ({"thinking": True}, request(reasoning=ir.ReasoningConfig(effort="high"))),
        ({"thinking": False}, request(reasoning=ir.ReasoningConfig(effort="none"))),
    ],
)
async def test_a_condition_that_holds_chooses_the_answer(
    when: dict[str, Any], asked: ir.Request
) -> None:
    chosen: dict[str, Any] = {"when": when, "parts": [{"text": "yes"}]}
    assert await text(asked, chosen, {"parts": [{"text": "no"}]}) == "yes"
    chosen["when"] = {key: opposite(value) for key, value in when.items()}
    assert await text(asked, chosen, {"parts": [{"text": "no"}]}) == "no"


async def test_a_script_without_an_answer_says_so() -> None:
    with pytest.raises(InvalidRequest, match="no answer to this"):
        await events(request(), {"when": {"text": "x"}, "parts": []})


async def test_placeholders_stand_for_what_was_asked() -> None:
    part = {"text": "{{model}} heard {{user}} and {{unknown}}"}
    assert await text(request("you"), {"parts": [part]}) == "scripted heard you and {{unknown}}"
    asked = ir.Request("scripted", (RESULT,))
    assert await text(asked, {"parts": [{"text": "{{tool_result}}"}]}) == "sunny"


async def test_answers_are_numbered_as_their_ids_are() -> None:
    prepared = await (await provider({"parts": [{"text": "number {{n}}"}]})).prepare(request())
    for number in (1, 2):
        found = collect([event async for event in prepared.run(number - 1)])
        assert (found.id, ir.text_of(found.parts)) == (f"scripted-{number}", f"number {number}")


async def test_a_text_comes_in_words_or_in_the_deltas_given() -> None:
    for given, deltas in (("a b c", ["a", " b", " c"]), (["ab", "c"], ["ab", "c"])):
        found = await events(request(), {"parts": [{"text": given}]})
        assert [event.text for event in found if isinstance(event, ir.Delta)] == deltas


async def test_parts_that_overlap_fold_into_the_same_answer() -> None:
    parts = [{"text": "a b"}, {"tool_call": {"id": "c", "name": "f", "arguments": ["{", "}"]}}]
    apart = await answer(request(), {"parts": parts})
    together = await answer(request(), {"parts": parts, "overlap": True})
    assert together.parts == apart.parts == (ir.Text("a b"), ir.ToolCall("c", "f", "{}"))


async def test_a_stop_sequence_cuts_the_text_across_deltas() -> None:
    asked = request(sampling=ir.Sampling(stop=("cd", "x")))
    found = await answer(asked, {"parts": [{"text": ["ab", "cde", "f"]}, {"text": "more"}]})
    assert (ir.text_of(found.parts), found.stop) == ("ab", ir.Stop("stop_sequence", "cd"))


async def test_max_tokens_is_a_number_of_deltas() -> None:
    found = await answer(
        request(sampling=ir.Sampling(max_tokens=2)), {"parts": [{"text": "a b c"}]}
    )
    assert (ir.text_of(found.parts), found.stop.reason) == ("a b", "length")
    assert found.usage is not None
    assert found.usage.output == 2


@pytest.mark.parametrize("kind", ["overloaded", "rate_limited", "upstream", "invalid_request"])
async def test_an_error_comes_before_the_start(kind: str) -> None:
    with pytest.raises(StackError, match="no") as caught:
        await events(request(), {"error": {"kind": kind, "message": "no", "retry_after": 3}})
    assert (caught.value.kind, caught.value.retry_after) == (kind, 3)


async def test_a_failure_comes_after_the_parts() -> None:
    found = await events(request(), {"parts": [{"text": "a"}], "fail": {"kind": "overloaded"}})
    assert isinstance(found[-1], ir.Failed)
    assert isinstance(found[-1].error, Overloaded)
    assert ir.Delta(0, "a") in found


async def test_an_answer_that_hangs_ends_when_it_is_closed() -> None:
    made = await provider({"hang": True})
    stream = (await made.prepare(request())).run(0)
    assert isinstance(await anext(stream), ir.Started)
    assert made.status() == {"running": 1}
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert made.status() == {"running": 0}


async def test_the_demo_calls_a_tool_and_speaks_about_its_result() -> None:
    asked = request("weather?", tools=(TOOL,))
    (call,) = (await answer(asked)).parts
    assert isinstance(call, ir.ToolCall)
    assert (call.name, call.arguments) == ("weather", '{"city": "text"}')
    turns = (*asked.turns, ir.Turn("assistant", (call,)), RESULT)
    assert await text(ir.Request("scripted", turns, tools=(TOOL,))) == "The tool said: sunny"


async def test_the_demo_thinks_gives_json_and_fails_on_demand() -> None:
    thinking = await answer(request("you", reasoning=ir.ReasoningConfig(True)))
    assert [type(part) for part in thinking.parts] == [ir.Reasoning, ir.Text]
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = request(output=ir.OutputFormat("schema", schema))
    assert await text(wanted) == '{"a": 1}'
    with pytest.raises(StackError, match="error 429"):
        await events(request("error 429"))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([{"parts": [{"text": "a", "refusal": "b"}]}], "a part is exactly one of"),
        ([{"parts": [{}]}], "a part is exactly one of"),
        ([{"error": {"kind": "nonsense"}}], "kind must be one of"),
        ([{"error": {"message": "no"}}], "kind must be one of"),
        ([{"error": OVERFLOW | {"message": "x"}}], "has a kind, a message and a code of its own"),
        ([{"error": {"kind": "upstream"}, "parts": []}], "so without parts"),
        ([{"hang": True, "fail": {"kind": "upstream"}}], "never comes to fail"),
        ([{"when": {"text": "/[/"}}], "not a regular expression"),
        ([{"when": {"turn": 0}}], "greater than or equal to 1"),
        ([{"parts": [{"refusal": "a", "citations": [{}]}]}], "belong to a text"),
        ([{"parts": [{"text": "a", "logprobs": [HI]}]}], "must add up to the text"),
        ([{"events": ["pong"]}], "the only event that is one word is ping"),
        ([{"events": [{}]}], "an event is exactly one of start, delta"),
        ([{"events": [{"start": 0}]}], "start needs part"),
        ([{"events": [{"end": 0, "text": "a"}]}], "end takes no text"),
        ([{"events": [{"delta": 0, "text": "a"}]}], "event 0: part 0 is not open"),
        ([{"events": [{"start": 0, "part": {"text": ""}}]}], r"parts \[0\] never end"),
        ([{"events": [{"start": 0, "part": {"opaque": OPAQUE}}]}], "an event of its own"),
        ([{"events": [{"annotate": 0}]}], "exactly one of citation, reasoning"),
        ([{"events": ["ping"], "overlap": True}], "events take the place of"),
        ([], "at least 1 item"),
        ([{"prats": []}], "Extra inputs are not permitted"),
        ([{"delay": -1}], "greater than or equal to 0"),
    ],
)
def test_a_wrong_script_is_refused(answers: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({"answers": answers})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("answers: [", "mine.yaml:1:11: "),
        ("answers: []", "mine.yaml:1:1: answers: "),
        ("- a", "mine.yaml:1:1: the script: "),
        ("", "mine.yaml: the script: "),
        ("models: [{id: a}]", "mine.yaml:1:1: answers: field required"),
        ("answers:\n  - parts: []\n    x: 1", "mine.yaml:3:5: answers.0.x: extra inputs"),
        ("answers:\n  - {}\n  - stop: no", "mine.yaml:3:5: answers.1.stop: "),
        (
            "answers:\n  - parts:\n      - text: hi\n      - reasoning: {txt: hi}",
            "mine.yaml:4:21: answers.0.parts.1.reasoning.txt: extra inputs",
        ),
        ("answers:\n  - events: [{end: 0}]", "mine.yaml:2:5: answers.0: event 0: part 0 is not"),
        ("answers:\n  - <<: {pace: -1}", "mine.yaml:2:5: answers.0.pace: "),
        ("answers: [{}]\nanswers: [{}]", "mine.yaml:2:1: found duplicate key"),
    ],
)
async def test_a_wrong_script_file_is_shown_with_its_place(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    made = Scripted("demo", Settings(script=path))
    with pytest.raises(ConfigError, match=message):
        await made.start()


async def test_a_missing_script_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read: No such file"):
        await Scripted("demo", Settings(script=tmp_path / "no.yaml")).start()
