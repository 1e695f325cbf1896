"""An upstream's bytes on their way to a client, in all nine pairs, without any HTTP between.

However they are cut and framed, the client gets the same bytes; and whatever an upstream makes of
its stream, the client gets a legal one with one terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import pytest
from anthropic.types import RawMessageStreamEvent
from golden import CREATED, TOKEN
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from peer import transcripts
from peer.framings import FRAMINGS
from strategies import chunks

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.apis.sse import Parser
from polystack.core import Api
from polystack.core.canon import ir
from polystack.core.canon.errors import ProtocolViolation
from polystack.core.canon.grammar import Grammar
from polystack.core.contract.api import Context

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
ASKED: dict[str, Any] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"input": "hi", "include": ["reasoning.encrypted_content"]},
    "chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    },
}
PAIRS = pytest.mark.parametrize(("client", "upstream"), transcripts.PAIRS)


def read(upstream: str, pieces: Iterable[bytes]) -> Iterator[ir.Event]:
    """The events of an upstream's bytes, as a remote provider reads them."""
    parser, decoder = Parser(), APIS[upstream].decoder()
    for piece in pieces:
        for event in parser.feed(piece):
            yield from decoder.feed(event.event, event.data)
    yield from decoder.close()


def legal(events: Iterable[ir.Event]) -> Iterator[ir.Event]:
    """The events with a failure in place of one that breaks their order, as the runtime does."""
    grammar = Grammar()
    for event in events:
        try:
            grammar.feed(event)
        except ProtocolViolation as error:
            yield ir.Failed(error)
            return
        yield event


def written(client: str, events: Iterable[ir.Event]) -> bytes:
    api = APIS[client]
    asked = api.decode(ASKED[client] | {"model": "m", "stream": True})
    encoder = api.encoder(asked, Context(TOKEN, CREATED, "m"))
    return b"".join([encoder.feed(event) for event in events])


# The same bytes ----------------------------------------------------------------------------------


@PAIRS
@given(data=st.data())
def test_any_cutting_and_framing_gives_the_client_the_same_bytes(
    client: str, upstream: str, data: st.DataObject
) -> None:
    scenario = data.draw(st.sampled_from(transcripts.scenarios(upstream)))
    stream = transcripts.stream(upstream, scenario)
    framing = data.draw(st.sampled_from(sorted(FRAMINGS)))
    pieces = data.draw(chunks(FRAMINGS[framing](stream)))
    assert written(client, read(upstream, pieces)) == written(client, read(upstream, [stream]))


@PAIRS
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_byte_at_a_time_gives_the_client_the_same_bytes(
    client: str, upstream: str, framing: str
) -> None:
    for scenario in ("interleaved_thinking", "text"):
        stream = transcripts.stream(upstream, scenario)
        framed = FRAMINGS[framing](stream)
        single = [framed[at : at + 1] for at in range(len(framed))]
        assert written(client, read(upstream, single)) == written(client, read(upstream, [stream]))


# Legal streams -----------------------------------------------------------------------------------

TERMINALS = {
    "messages": {"message_stop", "error"},
    "responses": {"response.completed", "response.incomplete", "response.failed", "error"},
}


@st.composite
def scrambled(draw: st.DrawFn, upstream: str) -> bytes:
    """Events of one or two answers, some lost, some twice, some out of their order."""
    names = st.sampled_from(transcripts.scenarios(upstream))
    told = [transcripts.stream(upstream, name) for name in draw(st.lists(names, max_size=2))]
    events = [event for stream in told for event in stream.split(b"\n\n") if event]
    for kind, at, to in draw(st.lists(_CHANGES, max_size=6)):
        if events:
            event = events[at % len(events)]
            if kind != "twice":
                events.remove(event)
            if kind != "lost":
                events.insert(to % (len(events) + 1), event)
    return b"".join(event + b"\n\n" for event in events)


_CHANGES = st.tuples(
    st.sampled_from(["lost", "twice", "moved"]), st.integers(0, 99), st.integers(0, 99)
)


def types_of(union: Any) -> dict[str, Any]:
    kinds = get_args(get_args(union)[0])
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in kinds}


EVENTS = {"messages": types_of(RawMessageStreamEvent), "responses": types_of(ResponseStreamEvent)}


def check(client: str, stream: bytes) -> None:
    """Every event is one of the SDK's, and the last is the only terminal."""
    events = list(Parser().feed(stream))
    if client == "chat":
        ends = [event.data == b"[DONE]" or b'"error"' in event.data for event in events]
        for event in events[:-1]:
            ChatCompletionChunk.model_validate_json(event.data)
    else:
        ends = [event.event in TERMINALS[client] for event in events]
        for event in events:
            if event.event not in ("error", "ping"):
                EVENTS[client][event.event].model_validate_json(event.data)
            assert json.loads(event.data)["type"] == event.event
    assert ends == [False] * (len(events) - 1) + [True]


@PAIRS
@settings(max_examples=60)
@given(data=st.data())
def test_a_scrambled_upstream_gives_a_legal_stream_with_one_terminal(
    client: str, upstream: str, data: st.DataObject
) -> None:
    stream = data.draw(scrambled(upstream))
    check(client, written(client, legal(read(upstream, [stream]))))


@pytest.mark.parametrize("client", transcripts.PROTOCOLS)
@pytest.mark.parametrize("other", ["interleaved_thinking", "parallel_tools"])
def test_an_item_that_goes_on_as_one_of_another_kind_is_a_failure(client: str, other: str) -> None:
    text = transcripts.stream("responses", "text").split(b"\n\n")
    more = transcripts.stream("responses", other).replace(
        b'"output_index": 1', b'"output_index": 0'
    )
    events = [*text[:5], *[event for event in more.split(b"\n\n") if b"_call" in event]]
    stream = b"".join(event + b"\n\n" for event in events)
    *_, last = read("responses", [stream])
    assert isinstance(last, ir.Failed)
    assert "share the output index" in last.error.message
    check(client, written(client, legal(read("responses", [stream]))))
