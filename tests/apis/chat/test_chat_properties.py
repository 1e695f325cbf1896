"""Whatever a provider may say, a Chat client gets a legal and faithful answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from golden import CREATED, TOKEN
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from strategies import Script, chunks, scripts, texts, words

from polystack.apis.chat.api import Chat
from polystack.apis.sse import Parser
from polystack.core.canon import ir
from polystack.core.canon.collect import collect, play
from polystack.core.canon.grammar import Grammar, State
from polystack.core.contract.api import Context

API = Chat()
REQUEST = ir.Request(
    "tiny", (), extra={"chat": {"stream_options": {"include_usage": True}}}, origin="chat"
)
STOPS: tuple[ir.StopReason, ...] = ("end", "length", "stop_sequence", "tool_call", "filter")
any_scripts = scripts()
# What this protocol can say and hear again: one text, then the calls that follow it.
exact_scripts = scripts(kinds=("text", "function"), citations=None, logprobs=False, stops=STOPS)
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def context() -> Context:
    return Context(TOKEN, CREATED, "tiny")


def encoded(events: Iterable[ir.Event]) -> bytes:
    encoder = API.encoder(REQUEST, context())
    return b"".join(encoder.feed(event) for event in events)


def frames(stream: bytes) -> list[dict[str, Any]]:
    events = list(Parser().feed(stream))
    assert events[-1].data == b"[DONE]"
    return [json.loads(event.data) for event in events[:-1]]


def decoded(pieces: Iterable[bytes]) -> list[ir.Event]:
    parser, decoder = Parser(), API.decoder()
    events: list[ir.Event] = []
    for piece in pieces:
        for event in parser.feed(piece):
            events += decoder.feed(event.event, event.data)
    return [*events, *decoder.close()]


def joined(stream: bytes) -> dict[str, Any]:
    """The message that the deltas of a stream add up to."""
    message: dict[str, Any] = {"content": None, "refusal": None, "annotations": []}
    calls: list[dict[str, Any]] = []
    for chunk in frames(stream):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            for name in ("content", "refusal", "reasoning_content"):
                if delta.get(name) is not None:
                    message[name] = (message.get(name) or "") + delta[name]
            message["annotations"] += delta.get("annotations", [])
            for call in delta.get("tool_calls", []):
                if call["index"] == len(calls):
                    calls.append({key: call[key] for key in ("id", "type", call["type"])})
                    continue
                kind = calls[call["index"]]["type"]
                field = "input" if kind == "custom" else "arguments"
                calls[call["index"]][kind][field] += call[kind][field]
    return message | ({"tool_calls": calls} if calls else {})


@slow
@given(any_scripts)
def test_the_deltas_of_a_stream_add_up_to_the_document(script: Script) -> None:
    document = API.document(REQUEST, [script.response], context())
    message = {k: v for k, v in document["choices"][0]["message"].items() if k != "role"}
    assert joined(encoded(script.events)) == message


@slow
@given(any_scripts)
def test_a_stream_has_one_finish_one_usage_and_one_end(script: Script) -> None:
    encoder = API.encoder(REQUEST, context())
    stream = b"".join(encoder.feed(event) for event in script.events)
    shown = frames(stream)
    reasons = [c["finish_reason"] for chunk in shown for c in chunk["choices"]]
    assert [reason is not None for reason in reasons].count(True) == 1
    assert reasons[-1] is not None
    assert [chunk["usage"] is not None for chunk in shown].count(True) == (
        script.response.usage is not None
    )
    assert encoder.feed(ir.Ping()) == encoder.feed(script.events[-1]) == b""


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
@given(scripts(kinds=("text", "reasoning", "refusal", "function")))
def test_every_chunk_and_every_document_are_the_sdks(script: Script) -> None:
    for chunk in frames(encoded(script.events)):
        ChatCompletionChunk.model_validate(chunk)
    ChatCompletion.model_validate(API.document(REQUEST, [script.response], context()))


@slow
@given(any_scripts, st.data())
def test_any_chunking_of_a_stream_decodes_to_the_same_legal_answer(
    script: Script, data: st.DataObject
) -> None:
    stream = encoded(script.events)
    events = decoded([stream])
    assert decoded(data.draw(chunks(stream))) == events
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    assert grammar.state is State.DONE


@slow
@given(any_scripts, st.data())
def test_a_stream_that_is_cut_off_is_never_a_success(script: Script, data: st.DataObject) -> None:
    stream = encoded(script.events)
    finish = stream.index(b"\n\n", stream.index(b'"finish_reason":"'))
    cut = data.draw(st.integers(0, finish))
    assert isinstance(decoded([stream[:cut]])[-1], ir.Failed)


@slow
@given(exact_scripts)
def test_what_is_decoded_shows_as_the_same_document_again(script: Script) -> None:
    # An empty text beside calls is how many servers write none, and is read so.
    assume(all(ir.text_of((part,)) for part in script.response.parts if isinstance(part, ir.Text)))
    # An answer with calls that is said to be finished is read as one that waits for them.
    called = any(isinstance(part, ir.ToolCall) for part in script.response.parts)
    assume(not called or script.response.stop.reason in ("tool_call", "length", "filter"))
    document = API.document(REQUEST, [script.response], context())
    answer = collect(API.events(document))
    assert API.document(REQUEST, [answer], context()) == document
    again = collect(decoded([encoded(play(answer))]))
    shown = API.document(REQUEST, [again], context())
    assert shown["choices"] == document["choices"]


# Requests ----------------------------------------------------------------------------------------

values = st.none() | st.booleans() | st.integers(-9, 9) | texts
parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda text, new: {"type": "text", "text": text, "new": new}, texts, st.integers()),
    st.builds(lambda w: {"type": "image_url", "image_url": {"url": f"https://e.org/{w}"}}, words),
    st.builds(lambda w: {"type": f"new_{w}", "payload": w}, words),
)
contents = texts | st.lists(parts, min_size=1, max_size=3)
calls = st.builds(
    lambda name, text: {
        "id": f"call_{name}",
        "type": "function",
        "function": {"name": name, "arguments": text},
    },
    words,
    texts,
)
messages = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "system", "developer"]),
        contents,
    ),
    st.builds(
        lambda content, thought, called: (
            {"role": "assistant", "content": content, "tool_calls": called}
            | ({"reasoning_content": thought} if thought else {})
        ),
        st.none() | texts,
        texts,
        st.lists(calls, min_size=1, max_size=2),
    ),
    st.builds(
        lambda name, content: {"role": "tool", "tool_call_id": name, "content": content},
        words,
        texts,
    ),
)
requests = st.fixed_dictionaries(
    {"model": words, "messages": st.lists(messages, min_size=1, max_size=4)},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 99),
        "stop": st.lists(texts, min_size=1, max_size=2),
        "seed": st.integers(0, 9),
        "n": st.integers(2, 8),
        "stream": st.just(True),
        "reasoning_effort": st.sampled_from(["low", "high"]),
        "user": words,
        "new_option": st.lists(values, max_size=2),
    },
)


@slow
@given(requests)
def test_a_request_survives_the_way_there_and_back(document: dict[str, Any]) -> None:
    request = API.decode(document)
    encoded, losses = API.encode(request, document["model"])
    assert API.decode(encoded) == request
    assert list(losses) == []
