"""Every golden transcript, played in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import responses_cases as cases
from golden import comparable
from openai.types import responses as sdk
from pydantic import TypeAdapter
from responses_cases import ANSWERS, API, CASES, STREAMS

from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar, State

SDK_EVENT: TypeAdapter[Any] = TypeAdapter(sdk.ResponseStreamEvent)


@pytest.mark.parametrize("case", CASES)
def test_a_request_comes_back_from_its_decoded_form_as_it_was(case: str) -> None:
    document = cases.request(case)
    encoded, losses = API.encode(API.decode(document), document["model"])
    assert encoded == document
    assert list(losses) == []


@pytest.mark.parametrize("case", CASES)
def test_a_decoded_request_comes_back_from_its_document_as_it_was(case: str) -> None:
    decoded = API.decode(cases.request(case))
    encoded, _ = API.encode(decoded, "tiny")
    assert API.decode(encoded) == decoded


@pytest.mark.parametrize("case", STREAMS)
def test_the_events_of_an_answer_become_the_golden_stream(case: str) -> None:
    stream = cases.encode(cases.request(case), cases.events(case))
    golden = cases.text(case, "stream.sse").encode()
    assert cases.comments(stream) == cases.comments(golden)
    shown = cases.frames(stream)
    expected = cases.frames(golden)
    assert [_without_response(frame) for frame in shown] == [
        _without_response(frame) for frame in expected
    ]
    for (_, ours), (_, theirs) in zip(shown, expected, strict=True):
        if "response" in theirs:
            assert {key: ours["response"][key] for key in theirs["response"]} == theirs["response"]


def _without_response(frame: cases.Frame) -> cases.Frame:
    kind, data = frame
    return kind, {key: value for key, value in data.items() if key != "response"}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_events_of_an_answer_fold_into_the_golden_response(case: str) -> None:
    request = API.decode(cases.request(case))
    whole = API.document(request, [collect(cases.events(case))], cases.context())
    assert whole == cases.response(case)


@pytest.mark.parametrize("case", ANSWERS)
def test_the_last_event_of_a_stream_holds_the_whole_answer(case: str) -> None:
    stream = cases.encode(cases.request(case), cases.events(case))
    assert cases.frames(stream)[-1][1]["response"] == cases.response(case)


@pytest.mark.parametrize("case", STREAMS)
def test_a_golden_stream_and_ours_read_the_same(case: str) -> None:
    golden = cases.decode(cases.text(case, "stream.sse").encode())
    ours = cases.decode(cases.encode(cases.request(case), cases.events(case)))
    assert comparable(golden) == comparable(ours)


@pytest.mark.parametrize("case", STREAMS)
def test_a_golden_stream_is_read_as_a_legal_one(case: str) -> None:
    grammar = Grammar()
    for event in cases.decode(cases.text(case, "stream.sse").encode()):
        grammar.feed(event)
    assert grammar.state is State.DONE


@pytest.mark.parametrize("case", ANSWERS)
def test_a_golden_response_and_its_stream_mean_the_same(case: str) -> None:
    streamed = collect(cases.decode(cases.text(case, "stream.sse").encode()))
    assert collect(API.events(cases.response(case))) == streamed


@pytest.mark.parametrize("case", ANSWERS)
def test_what_is_read_from_a_golden_response_shows_as_that_response_again(case: str) -> None:
    request = API.decode(cases.request(case))
    answer = collect(API.events(cases.response(case)))
    again = API.document(request, [answer], cases.context())
    # Whether a summary is real or the model's own thought cannot be seen in the answer.
    assert again == cases.response(case)


@pytest.mark.parametrize("case", STREAMS)
def test_every_frame_is_one_that_the_sdk_knows(case: str) -> None:
    for kind, data in cases.frames(cases.encode(cases.request(case), cases.events(case))):
        parsed = SDK_EVENT.validate_python(data)
        assert parsed.type == kind


@pytest.mark.parametrize("case", ANSWERS)
def test_every_answer_is_one_that_the_sdk_knows(case: str) -> None:
    parsed = sdk.Response.model_validate(cases.response(case))
    assert parsed.status in ("completed", "incomplete")


def test_the_bytes_of_a_frame_name_the_event_and_hold_one_line_of_json() -> None:
    stream = cases.encode({"model": "m", "input": "x"}, cases.events("text"))
    frame = stream.split(b"\n\n")[4]
    place = f'"item_id":"msg_{cases.TOKEN}_0","output_index":0,"content_index":0'
    assert frame.decode() == (
        "event: response.output_text.delta\n"
        f'data: {{"type":"response.output_text.delta","sequence_number":4,{place},'
        '"delta":"Hel","logprobs":[]}'
    )
    assert stream.endswith(b"\n\n")
    assert b"[DONE]" not in stream


def test_requests_differ_by_what_they_ask_and_not_by_where_it_stood() -> None:
    request = API.decode(cases.request("text"))
    assert replace(request, turns=(replace(request.turns[0], at="elsewhere"),)) == request
