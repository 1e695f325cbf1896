"""Whatever a provider may say, a Responses client gets a legal and faithful answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import responses_cases as cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types import responses as sdk
from pydantic import TypeAdapter
from responses_cases import API
from strategies import Script, chunks, scripts, words

from polystack.apis.responses.output import status_of
from polystack.apis.responses.response import OUTCOMES
from polystack.apis.sse import Parser
from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import UpstreamError
from polystack.core.canon.grammar import Grammar, State

SDK_EVENT: TypeAdapter[Any] = TypeAdapter(sdk.ResponseStreamEvent)

opaques = st.builds(
    lambda name, mine: ir.Opaque(
        "responses" if mine else "elsewhere",
        "web_search_call",
        {
            "id": name,
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "search", "query": name},
        },
    ),
    st.uuids().map(str),
    st.booleans(),
)
answers = scripts(opaques=opaques, valid_arguments=False)
requests = st.fixed_dictionaries(
    {"model": st.just("tiny"), "input": st.just("Hi"), "stream": st.just(True)},
    optional={
        "reasoning": st.sampled_from([{"summary": "auto"}, {"effort": "low"}]),
        "include": st.lists(
            st.sampled_from(["message.output_text.logprobs", "reasoning.encrypted_content"])
        ),
    },
)
few = settings(max_examples=60, deadline=None)


@few
@given(requests, answers)
def test_indices_are_dense_and_every_start_has_its_end(
    request: dict[str, Any], script: Script
) -> None:
    frames = cases.frames(cases.encode(request, list(script.events)))
    added = [d["output_index"] for k, d in frames if k == "response.output_item.added"]
    done = [d["output_index"] for k, d in frames if k == "response.output_item.done"]
    assert added == done == list(range(len(added)))
    assert [d["sequence_number"] for _, d in frames] == list(range(len(frames)))
    kinds = Counter(kind for kind, _ in frames)
    for part in ("content_part", "reasoning_summary_part"):
        assert kinds[f"response.{part}.added"] == kinds[f"response.{part}.done"]
    terminals = sum(kinds[f"response.{end}"] for end in ("completed", "incomplete", "failed"))
    assert (kinds["response.created"], terminals) == (1, 1)
    assert frames[0][0] == "response.created"


@few
@given(requests, answers)
def test_the_final_output_is_every_done_item_in_its_place(
    request: dict[str, Any], script: Script
) -> None:
    frames = cases.frames(cases.encode(request, list(script.events)))
    done = [data["item"] for kind, data in frames if kind == "response.output_item.done"]
    assert frames[-1][1]["response"]["output"] == done


@few
@given(requests, answers)
def test_deltas_join_to_the_whole(request: dict[str, Any], script: Script) -> None:
    frames = cases.frames(cases.encode(request, list(script.events)))
    joined: Counter[tuple[Any, ...]] = Counter()
    texts: dict[tuple[Any, ...], str] = {}
    for kind, data in frames:
        stem, _, end = kind.rpartition(".")
        place = stem, data.get("item_id"), data.get("content_index"), data.get("summary_index")
        if end == "delta":
            texts[place] = texts.get(place, "") + data["delta"]
        for field in ("text", "refusal", "arguments", "input"):
            if end == "done" and field in data:
                assert data[field] == texts.get(place, "")
                joined[place] += 1
    assert texts.keys() <= joined.keys()


@few
@given(requests, answers)
def test_a_stream_ends_with_the_answer_that_is_not_streamed(
    request: dict[str, Any], script: Script
) -> None:
    # Of a malformed call in an answer that was cut, only the stream knows whether it had ended.
    calls = [part for part in script.response.parts if isinstance(part, ir.ToolCall)]
    cut = OUTCOMES[script.response.stop.reason].status == "incomplete"
    assume(not cut or all(status_of(call, cut=True) == "completed" for call in calls))
    context = cases.context()
    stream = cases.encode(request, list(script.events))
    whole = API.document(API.decode(request), [collect(script.events)], context)
    assert cases.frames(stream)[-1][1]["response"] == whole


@few
@given(requests, answers)
def test_every_frame_is_one_that_the_sdk_and_its_helper_take(
    request: dict[str, Any], script: Script
) -> None:
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=[], text_format=omit)
    for _, data in cases.frames(cases.encode(request, list(script.events))):
        state.handle_event(SDK_EVENT.validate_python(data))


@few
@given(requests, answers, st.integers(0, 30))
def test_a_failure_anywhere_ends_the_stream_with_all_that_was_shown(
    request: dict[str, Any], script: Script, place: int
) -> None:
    events = [*script.events[: min(place, len(script.events) - 1)]]
    stream = cases.encode(request, [*events, ir.Failed(UpstreamError("cut"))])
    frames = cases.frames(stream)
    kind, data = frames[-1]
    assert kind == "response.failed"
    output = data["response"]["output"]
    added = [d["item"]["id"] for k, d in frames if k == "response.output_item.added"]
    assert [item["id"] for item in output] == added
    done = [d["item"] for k, d in frames if k == "response.output_item.done"]
    assert output[: len(done)] == done


@few
@given(requests, answers, st.data())
def test_any_cutting_of_the_bytes_reads_the_same_and_legally(
    request: dict[str, Any], script: Script, data: st.DataObject
) -> None:
    stream = cases.encode(request, list(script.events))
    decoder, parser, grammar = API.decoder(), Parser(), Grammar()
    read: list[ir.Event] = []
    for chunk in data.draw(chunks(stream)):
        for sent in parser.feed(chunk):
            read += decoder.feed(sent.event, sent.data)
    assert not list(decoder.close())
    assert read == cases.decode(stream)
    for event in read:
        grammar.feed(event)
    assert grammar.state is State.DONE


@few
@given(answers)
def test_what_an_upstream_meant_is_what_is_read(script: Script) -> None:
    include = ["message.output_text.logprobs", "reasoning.encrypted_content"]
    request = {"model": "m", "input": "x", "include": include}
    read = collect(cases.decode(cases.encode(request, list(script.events))))
    shown = [p for p in script.response.parts if _has_an_item(p)]
    assert [type(part) for part in read.parts] == [type(part) for part in shown]
    for ours, theirs in zip(read.parts, shown, strict=True):
        match ours, theirs:
            case ir.Text(), ir.Text():
                assert (ours.text, ours.logprobs) == (theirs.text, _with_bytes(theirs.logprobs))
                assert [c.url for c in ours.citations] == [c.url for c in theirs.citations]
            case ir.Reasoning(), ir.Reasoning():
                assert (ours.text, ours.summary, ours.sealed) == (
                    theirs.text,
                    theirs.summary,
                    theirs.sealed,
                )
            case _:
                assert ours == theirs


def _has_an_item(part: ir.Part) -> bool:
    return not isinstance(part, ir.Opaque) or part.protocol == "responses"


def _with_bytes(logprobs: tuple[ir.TokenLogprob, ...]) -> tuple[ir.TokenLogprob, ...]:
    return tuple(
        ir.TokenLogprob(
            one.token,
            one.logprob,
            one.data if one.data is not None else one.token.encode(),
            _with_bytes(one.top),
        )
        for one in logprobs
    )


@few
@given(requests, answers, st.data())
def test_a_stream_that_is_cut_short_is_never_a_success(
    request: dict[str, Any], script: Script, data: st.DataObject
) -> None:
    stream = cases.encode(request, list(script.events))
    # The last two bytes are the line end of the last event and the empty line behind it.
    cut = data.draw(st.integers(0, len(stream) - 2))
    assert isinstance(cases.decode(stream[:cut])[-1], ir.Failed)


@few
@given(scripts(opaques=opaques.filter(_has_an_item), valid_arguments=False))
def test_an_answer_shows_the_same_after_it_was_read(script: Script) -> None:
    request = API.decode({"model": "m", "input": "x", "include": ["reasoning.encrypted_content"]})
    shown = API.document(request, [script.response], cases.context())
    again = API.document(request, [collect(API.events(shown))], cases.context())
    assert again == shown


# Requests ----------------------------------------------------------------------------------------

_texts = words | st.just("")
_part = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("input_text"), "text": _texts}, optional={"novelty": words}
    ),
    st.fixed_dictionaries(
        {"type": st.just("input_image"), "image_url": st.just("data:image/png;base64,AA==")},
        optional={"detail": st.sampled_from(["low", None])},
    ),
    st.fixed_dictionaries({"type": words.map(lambda w: f"x_{w}")}, optional={"depth": words}),
)
_id = {"id": st.none() | words, "status": st.sampled_from([None, "completed"]), "novelty": words}
_item = st.one_of(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "developer"]),
            "content": _texts | st.lists(_part, max_size=3),
        },
        optional={"type": st.just("message"), **_id},
    ),
    st.fixed_dictionaries(
        {"type": st.just("reasoning")},
        optional={
            "summary": st.lists(
                st.fixed_dictionaries({"type": st.just("summary_text"), "text": _texts}), max_size=2
            ),
            "content": st.none()
            | st.lists(
                st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": _texts}),
                max_size=2,
            ),
            "encrypted_content": st.none() | words,
            **_id,
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("function_call"), "call_id": words, "name": words, "arguments": _texts},
        optional={"namespace": words, **_id},
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["function_call_output", "custom_tool_call_output"]),
            "call_id": words,
            "output": _texts | st.lists(_part, max_size=3),
        },
        optional=_id,
    ),
    st.fixed_dictionaries(
        {"type": words.map(lambda w: f"x_{w}")}, optional={"call_id": words, **_id}
    ),
)


def _paired(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with a call in front of each output that has none."""
    found: list[dict[str, Any]] = []
    for item in items:
        id = item.get("call_id")
        if "output" in item and id not in [each.get("call_id") for each in found]:
            found.append({"type": "function_call", "call_id": id, "name": "f", "arguments": ""})
        found.append(item)
    return found


@few
@given(_texts | st.lists(_item, min_size=1, max_size=5).map(_paired))
def test_any_input_comes_back_as_it_was(items: Any) -> None:
    document = {"model": "m", "input": items}
    request = API.decode(document)
    encoded, _ = API.encode(request, "m")
    assert encoded == document
    assert API.decode(encoded) == request
