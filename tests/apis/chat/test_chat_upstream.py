"""What an upstream's Chat stream means, its bad habits included."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from golden import Golden
from hypothesis import given
from hypothesis import strategies as st

from polystack.apis.chat.api import Chat
from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import StackError
from polystack.core.canon.grammar import Grammar, State

API = Chat()
GOLDEN = Golden(API)

# Streams as real servers send them, and the same with one value in one place gone wrong.
names, ids = st.sampled_from(["f", "g"]), st.sampled_from(["a", "b", ""])


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields)


functions = maybe(name=names, arguments=st.sampled_from(["", "{", "}"]))
pieces_of_calls = maybe(index=st.integers(0, 1), id=ids, function=functions)
said = maybe(
    content=st.sampled_from(["", "x"]),
    reasoning=st.just("r"),
    reasoning_content=st.just("r"),
    reasoning_details=st.just([{"type": "reasoning.text", "index": 0, "text": "r", "data": "d"}]),
    refusal=st.just("no"),
    tool_calls=st.lists(pieces_of_calls, max_size=2),
    annotations=st.just([{"type": "url_citation", "url_citation": {"url": "u"}}]),
)
logprobs = st.just({"content": [{"token": "x", "logprob": -1, "bytes": [120], "top_logprobs": []}]})
usages = st.just({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}})
streams = st.lists(
    st.fixed_dictionaries(
        {"id": st.just("x"), "choices": st.lists(maybe(delta=said, logprobs=logprobs), max_size=1)},
        optional={"usage": usages},
    ),
    max_size=4,
).map(lambda chunks: [*chunks, chunk(finish="stop")])
answers = st.fixed_dictionaries(
    {
        "choices": st.tuples(
            st.fixed_dictionaries(
                {"message": said, "finish_reason": st.sampled_from(["stop", "length"])},
                optional={"logprobs": logprobs},
            )
        ).map(list)
    },
    optional={"usage": usages},
)
scraps: st.SearchStrategy[Any] = st.sampled_from([None, True, -1, 2.5, "a", [], [1], {}, [256]])


def copied(whole: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of their own: constants of a strategy are shared between examples."""
    return whole.map(copy.deepcopy)


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    document = draw(whole)
    spots = list(_spots(document))
    holder, key = draw(st.sampled_from(spots))
    holder[key] = draw(scraps)
    return document


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        inside = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, item in inside:
        yield value, key
        yield from _spots(item)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> Any:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "x", "model": "m", "choices": [choice], **more}


def call(index: int, **fields: Any) -> Any:
    return chunk({"tool_calls": [{"index": index, **fields}]})


def read(*chunks: Any, done: bool = True) -> list[ir.Event]:
    decoder = API.decoder()
    events = [e for each in chunks for e in decoder.feed("", json.dumps(each).encode())]
    if done:
        events += decoder.feed("", b"[DONE]")
    return [*events, *decoder.close()]


def failure(*chunks: Any, done: bool = True) -> StackError:
    last = read(*chunks, done=done)[-1]
    assert isinstance(last, ir.Failed)
    return last.error


def test_a_late_tool_delta_goes_to_its_call_and_text_has_ended_before_it() -> None:
    answer = collect(
        read(
            call(0, id="a", function={"name": "f", "arguments": "{"}),
            chunk({"content": "text"}),
            call(0, function={"arguments": "}"}),
            call(1, id="b", function={"name": "g", "arguments": "{}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (
        ir.ToolCall("a", "f", "{}"),
        ir.Text("text"),
        ir.ToolCall("b", "g", "{}"),
    )


def test_a_call_whose_id_comes_late_waits_for_it() -> None:
    answer = collect(
        read(
            call(0, function={"name": "f", "arguments": '{"a"'}),
            call(0, id="late", function={"arguments": ": 1}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (ir.ToolCall("late", "f", '{"a": 1}'),)


def test_a_call_that_never_gets_an_id_is_a_failure() -> None:
    error = failure(call(0, function={"name": "f"}), chunk(finish="tool_calls"))
    assert error.message == "the upstream sent a tool call without id"


@pytest.mark.parametrize(
    "pieces",
    [
        [{"id": "a", "function": {"name": "get_"}}, {"function": {"name": "weather"}}],
        [{"id": "a", "function": {"name": "get_weather", "arguments": ""}}],
        [{"function": {"name": "get_weather"}}, {"id": "a", "function": {"name": "get_weather"}}],
    ],
)
def test_a_name_may_come_in_pieces_or_twice(pieces: list[Any]) -> None:
    arguments = {"function": {"arguments": "{}"}}
    chunks = [call(0, **piece) for piece in [*pieces, arguments]]
    answer = collect(read(*chunks, chunk(finish="tool_calls")))
    assert answer.parts == (ir.ToolCall("a", "get_weather", "{}"),)


def test_a_call_is_never_renamed_once_it_has_arguments() -> None:
    error = failure(
        call(0, id="a", function={"name": "f", "arguments": "{"}),
        call(0, function={"name": "g"}),
        chunk(finish="tool_calls"),
    )
    assert error.message == "the upstream renamed the tool call 'f' to 'g'"


def test_a_call_without_arguments_is_a_call() -> None:
    answer = collect(read(call(0, id="a", function={"name": "f"}), chunk(finish="tool_calls")))
    assert answer.parts == (ir.ToolCall("a", "f", ""),)


def test_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    answer = collect(
        read(
            call(0, id="a", function={"name": "f", "arguments": "{1"}),
            call(0, id="b", function={"name": "g", "arguments": "{2}"}),
            call(0, id="a", function={"arguments": "}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (ir.ToolCall("a", "f", "{1}"), ir.ToolCall("b", "g", "{2}"))


def test_an_id_that_is_new_with_every_piece_starts_no_call() -> None:
    answer = collect(
        read(
            call(0, id="a", function={"name": "f", "arguments": "{"}),
            call(0, id="b", function={"arguments": "}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (ir.ToolCall("a", "f", "{}"),)


def test_a_piece_without_id_goes_to_its_own_index_and_to_no_other_call() -> None:
    answer = collect(
        read(
            call(0, function={"name": "f", "arguments": "{1"}),
            call(1, id="b", function={"name": "g", "arguments": "{2"}),
            call(1, function={"arguments": "}"}),
            call(0, id="a", function={"arguments": "}"}),
            chunk(finish="tool_calls"),
        )
    )
    assert set(answer.parts) == {ir.ToolCall("b", "g", "{2}"), ir.ToolCall("a", "f", "{1}")}


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    pieces = [
        {"id": "a", "function": {"name": "f", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"index": None, "id": "b", "function": {"name": "g", "arguments": "{}"}},
    ]
    chunks = [chunk({"tool_calls": [piece]}) for piece in pieces]
    answer = collect(read(*chunks, chunk(finish="tool_calls")))
    assert answer.parts == (ir.ToolCall("a", "f", "{}"), ir.ToolCall("b", "g", "{}"))


def test_a_call_that_waits_for_its_arguments_still_comes_before_later_text() -> None:
    answer = collect(
        read(
            call(0, id="a", function={"name": "f"}),
            chunk({"content": "text"}),
            chunk(finish="tool_calls"),
        )
    )
    assert answer.parts == (ir.ToolCall("a", "f", ""), ir.Text("text"))


def test_a_deprecated_function_call_is_a_tool_call() -> None:
    pieces = [{"name": "f", "arguments": ""}, {"arguments": "{}"}]
    chunks = [chunk({"function_call": piece}) for piece in pieces]
    answer = collect(read(*chunks, chunk(finish="function_call")))
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    document = {"id": "x", "choices": [{"message": message, "finish_reason": "function_call"}]}
    assert (
        answer.parts == collect(API.events(document)).parts == (ir.ToolCall("call_x", "f", "{}"),)
    )
    assert answer.stop.reason == "tool_call"


def test_reasoning_has_two_spellings() -> None:
    for name in ("reasoning", "reasoning_content"):
        answer = collect(read(chunk({name: "Hm"}), chunk({"content": "Hi"}), chunk(finish="stop")))
        assert answer.parts == (ir.Reasoning("Hm"), ir.Text("Hi"))


def test_reasoning_in_both_spellings_at_once_is_read_once() -> None:
    chunks = [chunk({"reasoning": word, "reasoning_content": word}) for word in ("H", "m")]
    answer = collect(read(*chunks, chunk({"content": "Hi"}, "stop")))
    assert answer.parts == (ir.Reasoning("Hm"), ir.Text("Hi"))
    message = {"reasoning": "Hm", "reasoning_content": "Hm", "content": "Hi"}
    document = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert collect(API.events(document)).parts == answer.parts


SIGNED = [
    {"type": "reasoning.text", "index": 0, "text": "H", "format": "x"},
    {"type": "reasoning.text", "index": 0, "text": "m"},
    {"type": "reasoning.text", "index": 0, "signature": "s"},
]
SEAL = '[{"type":"reasoning.text","index":0,"text":"Hm","format":"x","signature":"s"}]'


@pytest.mark.parametrize("beside", [True, False])
def test_signed_details_of_reasoning_become_its_seal(beside: bool) -> None:
    deltas: list[Any] = [{"reasoning_details": [piece]} for piece in SIGNED]
    if beside:
        deltas = [delta | {"reasoning": w} for delta, w in zip(deltas, ("H", "m", ""), strict=True)]
    chunks = [chunk(delta) for delta in deltas]
    answer = collect(read(*chunks, chunk({"content": "Hi"}, "stop")))
    assert answer.parts == (ir.Reasoning("Hm", sealed=SEAL), ir.Text("Hi"))


def test_details_that_anybody_can_read_need_no_seal() -> None:
    piece = {"type": "reasoning.summary", "index": 0, "summary": "Hm"}
    message = {"reasoning_details": [piece], "content": "Hi"}
    document = {"choices": [{"message": message, "finish_reason": "stop"}]}
    streamed = read(chunk({"reasoning_details": [piece]}), chunk({"content": "Hi"}, "stop"))
    expected = (ir.Reasoning("Hm"), ir.Text("Hi"))
    assert collect(API.events(document)).parts == collect(streamed).parts == expected


@pytest.mark.parametrize("first", [True, False])
def test_encrypted_details_without_words_are_a_thought_too(first: bool) -> None:
    piece = {"type": "reasoning.encrypted", "data": "xyz"}
    thought, text = chunk({"reasoning_details": [piece]}), chunk({"content": "Hi"})
    said = [thought, text] if first else [text, thought]
    sealed = ir.Reasoning(sealed='[{"type":"reasoning.encrypted","data":"xyz"}]')
    parts = (sealed, ir.Text("Hi")) if first else (ir.Text("Hi"), sealed)
    assert collect(read(*said, chunk(finish="stop"))).parts == parts


@pytest.mark.parametrize(
    ("word", "reason"),
    [("eos", "end"), ("end_turn", "end"), ("max_tokens", "length"), ("model_length", "context")],
)
def test_other_servers_words_for_the_end_are_known(word: str, reason: str) -> None:
    assert collect(read(chunk({"content": "a"}, word))).stop.reason == reason


def test_an_answer_with_calls_that_is_called_finished_waits_for_their_results() -> None:
    piece = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    document = {"choices": [{"message": {"tool_calls": [piece]}, "finish_reason": "stop"}]}
    streamed = collect(read(call(0, **piece), chunk(finish="stop")))
    assert streamed.stop.reason == collect(API.events(document)).stop.reason == "tool_call"


def test_usage_may_follow_the_finish_reason() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    tail = {"id": "x", "model": "m", "choices": [], "usage": usage}
    answer = collect(read(chunk({"content": "a"}), chunk(finish="stop"), tail))
    assert answer.usage == ir.Usage(9, 3)


@pytest.mark.parametrize(
    "counted",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
        {"cached_tokens": 4},
    ],
)
def test_cached_tokens_are_counted_in_one_of_three_places(counted: dict[str, Any]) -> None:
    tail = chunk(usage={"prompt_tokens": 9, "completion_tokens": 3} | counted)
    answer = collect(read(chunk({"content": "a"}, "stop"), tail))
    assert answer.usage == ir.Usage(9, 3, cache_read=4)


def test_usage_that_comes_twice_is_the_later_one_and_none_at_all_is_no_fault() -> None:
    early, late = ({"prompt_tokens": 9, "completion_tokens": n} for n in (1, 3))
    chunks = [chunk({"content": "a"}, usage=early), chunk(finish="stop", usage=late)]
    assert collect(read(*chunks)).usage == ir.Usage(9, 3)
    assert collect(read(chunk({"content": "a"}, "stop"))).usage is None


def test_a_missing_done_after_the_finish_reason_is_no_fault() -> None:
    assert collect(read(chunk({"content": "a"}, "stop"), done=False)).stop.reason == "end"


@pytest.mark.parametrize("done", [True, False])
def test_a_stream_without_a_finish_reason_has_failed(done: bool) -> None:
    error = failure(chunk({"content": "a"}), done=done)
    assert error.message == "the upstream's stream ended before its answer"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "out of memory", "code": "x"}},
        {"object": "error", "message": "out of memory", "code": 500},
        {"error": "out of memory"},
    ],
)
def test_an_error_in_the_stream_is_a_failure(body: dict[str, Any]) -> None:
    assert failure(chunk({"content": "a"}), body).message.startswith(("out of memory", "the up"))


def test_an_unknown_finish_reason_is_never_a_success() -> None:
    error = failure(chunk({"content": "a"}, "something_new"))
    assert error.message == "the upstream finished for an unknown reason, 'something_new'"


def test_a_choice_that_finishes_with_an_error_says_which() -> None:
    fault = {"message": "the model crashed", "code": 502}
    choice = {"index": 0, "delta": {}, "finish_reason": "error", "error": fault}
    error = failure(chunk({"content": "a"}), {"id": "x", "choices": [choice]})
    assert error.message == "the model crashed"
    assert failure(chunk({}, "error")).message == "the upstream failed without a reason"


def test_what_is_not_json_is_a_failure() -> None:
    decoder = API.decoder()
    (failed,) = decoder.feed("", b"<html>")
    assert isinstance(failed, ir.Failed)
    assert list(decoder.close()) == []


def test_a_document_without_choices_or_with_an_error_is_a_failure() -> None:
    documents: list[Any] = [{"choices": []}, {"error": {"message": "no"}}, [], {"choices": [{}]}]
    for document in documents:
        (last,) = API.events(document)
        assert isinstance(last, ir.Failed)


@pytest.mark.parametrize(
    ("delta", "named"),
    [
        ({"content": [{"type": "text", "text": "x"}]}, "content that is not a string"),
        ({"content": 5}, "content that is not a string"),
        ({"tool_calls": "x"}, "tool_calls that is not a list of objects"),
        ({"tool_calls": [{"index": "0"}]}, "index that is not a count"),
        (
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": {}}}]},
            "arguments that is not a string",
        ),
        ({"annotations": [None]}, "annotations that is not a list of objects"),
    ],
)
def test_a_field_of_the_wrong_type_is_a_failure_that_names_it(delta: Any, named: str) -> None:
    message = failure(chunk({"content": "a"}), chunk(delta), chunk(finish="stop")).message
    assert message == f"the upstream sent {named}"


def legal_end(events: Iterable[ir.Event]) -> ir.Event:
    grammar = Grammar()
    last = None
    for event in events:
        grammar.feed(event)
        last = event
    assert grammar.state is State.DONE
    assert last is not None
    return last


@given(copied(streams) | spoilt(copied(streams)))
def test_whatever_an_upstream_streams_is_read_as_a_legal_stream(chunks: list[Any]) -> None:
    legal_end(read(*chunks))


@given(copied(answers) | spoilt(copied(answers)))
def test_whatever_an_upstream_answers_is_read_as_a_legal_stream(document: Any) -> None:
    legal_end(API.events(document))


@given(copied(answers))
def test_an_answer_is_a_success_unless_a_call_in_it_lacks_its_id_or_name(document: Any) -> None:
    calls = document["choices"][0]["message"].get("tool_calls", [])
    whole = all(call.get("id") and call.get("function", {}).get("name") for call in calls)
    assert isinstance(legal_end(API.events(document)), ir.Finished if whole else ir.Failed)


@pytest.mark.parametrize("case", [c for c in GOLDEN.answers if c != "length"])
def test_the_sdks_helper_folds_a_golden_stream_into_the_golden_message(case: str) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        stream = GOLDEN.encode(GOLDEN.request(case), GOLDEN.events(case))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    transport = httpx2.MockTransport(handler)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        body = {k: v for k, v in GOLDEN.request(case).items() if k != "stream"}
        if case == "custom_tool":
            chunks = list(client.chat.completions.create(**body, stream=True))
            assert chunks[-1].choices[0].finish_reason == "tool_calls"
            return
        extra = {k: body.pop(k) for k in list(body) if k not in ("model", "messages")}
        with client.chat.completions.stream(**body, extra_body=extra) as stream:
            final = stream.get_final_completion().choices[0]
    golden = GOLDEN.response(case)["choices"][0]
    assert final.finish_reason == golden["finish_reason"]
    assert final.message.content == golden["message"]["content"]
    assert final.message.refusal == golden["message"]["refusal"]
    calls = [(c.id, c.function.name, c.function.arguments) for c in final.message.tool_calls or []]
    assert calls == [
        (c["id"], c["function"]["name"], c["function"]["arguments"])
        for c in golden["message"].get("tool_calls", [])
    ]
