"""Whatever a provider may say, a Messages client gets a legal and faithful answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from strategies import Script, chunks, json_objects, json_values, scripts, words

from polystack.apis.messages.api import Messages
from polystack.apis.sse import Parser
from polystack.core.canon import ir
from polystack.core.canon.collect import collect, play
from polystack.core.canon.grammar import Grammar, State
from polystack.core.contract.api import Context

API = Messages()
REQUEST = ir.Request("tiny", ())
STREAM_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)

own_citations = st.builds(
    lambda title, quote, start: ir.Citation(
        "char_location",
        title=title,
        quote=quote,
        extra={"messages": {"document_index": 0, "start_char_index": start, "end_char_index": 9}},
    ),
    words,
    words,
    st.integers(0, 8),
)
own_opaques = st.builds(
    lambda word, given: ir.Opaque(
        "messages",
        "server_tool_use",
        {"type": "server_tool_use", "id": f"srv_{word}", "name": "web_search", "input": given},
    ),
    words,
    json_objects,
)
any_scripts = scripts(opaques=own_opaques)
# What this protocol can say and hear again without a loss.
exact_scripts = scripts(
    kinds=("text", "reasoning", "function"),
    logprobs=False,
    citations=own_citations,
    opaques=own_opaques,
    stops=("end", "length", "stop_sequence", "tool_call", "pause", "refusal", "context"),
)
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def context() -> Context:
    return Context("0123456789abcdef" * 2, 0, "tiny")


def encoded(events: Iterable[ir.Event]) -> bytes:
    encoder = API.encoder(REQUEST, context())
    return b"".join(encoder.feed(event) for event in events)


def frames(data: bytes) -> list[Any]:
    return [json.loads(event.data) for event in Parser().feed(data) if event.event != "ping"]


def decoded(pieces: Iterable[bytes]) -> list[ir.Event]:
    parser, decoder = Parser(), API.decoder()
    events: list[ir.Event] = []
    for piece in pieces:
        for event in parser.feed(piece):
            events += decoder.feed(event.event, event.data)
    return [*events, *decoder.close()]


def as_the_sdk_sees_it(data: bytes) -> Message:
    """The SDK's own types and its own fold."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for fields in frames(data):
        event = STREAM_EVENT.validate_python(fields)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return Message.model_validate(snapshot.to_dict())


@slow
@given(any_scripts)
def test_blocks_come_one_after_another_with_dense_indices(script: Script) -> None:
    opened = -1
    is_open = False
    for fields in frames(encoded(script.events)):
        match fields["type"]:
            case "content_block_start":
                assert not is_open
                assert fields["index"] == opened + 1
                opened, is_open = fields["index"], True
            case "content_block_delta":
                assert is_open
                assert fields["index"] == opened
            case "content_block_stop":
                assert is_open
                assert fields["index"] == opened
                is_open = False
    assert not is_open


@slow
@given(any_scripts)
def test_a_stream_has_one_start_and_one_terminal_and_then_nothing(script: Script) -> None:
    encoder = API.encoder(REQUEST, context())
    data = b"".join(encoder.feed(event) for event in script.events)
    kinds = [fields["type"] for fields in frames(data)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")] == [
        1,
        1,
        1,
    ]
    assert encoder.feed(ir.Ping()) == encoder.feed(script.events[-1]) == b""


@slow
@given(any_scripts)
def test_the_sdk_folds_the_stream_into_the_document(script: Script) -> None:
    document = API.document(REQUEST, [script.response], context())
    assert as_the_sdk_sees_it(encoded(script.events)) == Message.model_validate(document)


@slow
@given(any_scripts)
def test_a_stream_and_a_document_know_the_same_losses(script: Script) -> None:
    streamed, whole = context(), context()
    encoder = API.encoder(REQUEST, streamed)
    for event in script.events:
        encoder.feed(event)
    API.document(REQUEST, [script.response], whole)
    assert set(streamed.losses) == set(whole.losses)


@slow
@given(scripts(kinds=("text", "refusal"), citations=None, logprobs=False))
def test_all_text_arrives(script: Script) -> None:
    document = API.document(REQUEST, [script.response], context())
    assert "".join(b["text"] for b in document["content"]) == ir.text_of(script.response.parts)


@slow
@given(scripts(kinds=("function", "custom"), valid_arguments=False))
def test_all_arguments_arrive_as_they_were(script: Script) -> None:
    partial: dict[int, str] = {}
    for fields in frames(encoded(script.events)):
        if fields["type"] == "content_block_start":
            partial[fields["index"]] = ""
        if fields["type"] == "content_block_delta":
            partial[fields["index"]] += fields["delta"]["partial_json"]
    for text, part in zip(partial.values(), script.response.parts, strict=True):
        assert isinstance(part, ir.ToolCall)
        if part.kind == "function":
            assert text == part.arguments
        else:
            assert json.loads(text) == {"input": part.arguments}


@slow
@given(scripts(kinds=("function",), valid_arguments=False))
def test_a_document_holds_arguments_of_any_shape(script: Script) -> None:
    document = API.document(REQUEST, [script.response], context())
    Message.model_validate(document)
    for block, part in zip(document["content"], script.response.parts, strict=True):
        assert isinstance(part, ir.ToolCall)
        if "__raw_arguments" in block["input"]:
            assert block["input"] == {"__raw_arguments": part.arguments}
        else:
            assert block["input"] == json.loads(part.arguments.strip() or "{}")


# The other direction -----------------------------------------------------------------------------


def comparable(response: ir.Response) -> ir.Response:
    """Without what the wire gives an answer anew, and in the shape the wire gives its parts."""
    parts: list[ir.Part] = []
    for part in response.parts:
        parts += _on_the_wire(part)
    stop, usage = replace(response.stop, raw=None, extra=None), response.usage or ir.Usage()
    return replace(
        response, id="", model="", parts=tuple(parts), stop=stop, usage=usage, extra=None
    )


def _on_the_wire(part: ir.Part) -> list[ir.Part]:
    match part:
        case ir.Reasoning():
            text = part.text or "\n\n".join(part.summary)
            shown: list[ir.Part] = []
            if text or part.signature or part.sealed is None:
                shown.append(ir.Reasoning(text, signature=part.signature))
            if part.sealed is not None:
                shown.append(ir.Reasoning(sealed=part.sealed))
            return shown
        case ir.ToolCall():
            return [replace(part, arguments=json.dumps(json.loads(part.arguments)))]
        case ir.Opaque():
            return [replace(part, data=dict(part.data))]
        case _:
            return [part]


@slow
@given(exact_scripts, st.data())
def test_any_chunking_of_a_stream_decodes_to_the_same_answer(
    script: Script, data: st.DataObject
) -> None:
    stream = encoded(script.events)
    events = decoded(data.draw(chunks(stream)))
    assert events == decoded([stream])
    assert_legal(events)
    assert comparable(collect(events)) == comparable(script.response)


@slow
@given(exact_scripts)
def test_a_document_decodes_to_the_same_answer_as_its_stream(script: Script) -> None:
    document = API.document(REQUEST, [script.response], context())
    assert comparable(collect(API.events(document))) == comparable(script.response)


@slow
@given(exact_scripts)
def test_what_was_decoded_encodes_to_the_same_bytes_again(script: Script) -> None:
    once = decoded([encoded(play(script.response))])
    assert encoded(once) == encoded(play(collect(once)))
    again = decoded([encoded(once)])
    assert collect(again) == replace(collect(once), model="tiny")


@slow
@given(exact_scripts, st.floats(0, 1, exclude_max=True))
def test_a_truncated_stream_is_never_a_success(script: Script, share: float) -> None:
    stream = encoded(script.events)
    # The last two bytes are the blank line without which the terminal was not sent.
    cut = stream[: int((len(stream) - 1) * share)]
    events = decoded([cut])
    assert_legal(events)
    assert isinstance(events[-1], ir.Failed)


@slow
@given(exact_scripts, st.data())
def test_a_wrong_value_anywhere_in_a_stream_never_raises(
    script: Script, data: st.DataObject
) -> None:
    events = frames(encoded(script.events))
    spoiled = data.draw(st.sampled_from(events))
    while True:
        key = data.draw(st.sampled_from(sorted(spoiled) if isinstance(spoiled, dict) else [0]))
        inner = spoiled[key]
        if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
            break
        spoiled = inner
    spoiled[key] = data.draw(st.none() | st.integers(-1, 1) | st.just("x") | st.just([1]))
    assert_legal(decoded(b"data: %s\n\n" % json.dumps(event).encode() for event in events))


@given(json_values)
def test_nonsense_from_an_upstream_is_a_failure(value: Any) -> None:
    decoder = API.decoder()
    events = [*decoder.feed("", json.dumps(value).encode()), *decoder.close()]
    assert isinstance(events[-1], ir.Failed)
    assert isinstance([*API.events(value)][-1], ir.Failed)


def assert_legal(events: Iterable[ir.Event]) -> None:
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    assert grammar.state is State.DONE
