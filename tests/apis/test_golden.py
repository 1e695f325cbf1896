"""Every golden transcript of Messages and Chat, played in both directions.

Responses has a module of its own, since its streams repeat the whole response again and again.
"""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from golden import Golden, comments, comparable, frames
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar, State

GOLDEN = [Golden(Messages()), Golden(Chat())]
# What the SDKs take though their types of a stream leave it out.
BEYOND = ("ping", "error")
CUSTOM_CALLS = ("chat", "custom_tool")
SDK_EVENT: dict[str, TypeAdapter[Any]] = {
    "messages": TypeAdapter(RawMessageStreamEvent),
    "chat": TypeAdapter(ChatCompletionChunk),
}
SDK_ANSWER: dict[str, type[BaseModel]] = {"messages": Message, "chat": ChatCompletion}


def every(kind: str) -> pytest.MarkDecorator:
    pairs = [(golden, case) for golden in GOLDEN for case in getattr(golden, kind)]
    ids = [f"{golden.api.name}-{case}" for golden, case in pairs]
    return pytest.mark.parametrize(("golden", "case"), pairs, ids=ids)


@every("cases")
def test_a_request_comes_back_from_its_decoded_form_as_it_was(golden: Golden, case: str) -> None:
    document = golden.request(case)
    encoded, losses = golden.api.encode(golden.api.decode(document), document["model"])
    assert encoded == document
    assert list(losses) == []


@every("cases")
def test_a_decoded_request_comes_back_from_its_document_as_it_was(
    golden: Golden, case: str
) -> None:
    decoded = golden.api.decode(golden.request(case))
    encoded, _ = golden.api.encode(decoded, decoded.model or "")
    assert golden.api.decode(encoded) == decoded


@every("streams")
def test_the_events_of_an_answer_become_the_golden_stream(golden: Golden, case: str) -> None:
    stream = golden.encode(golden.request(case), golden.events(case))
    expected = golden.stream(case)
    assert comments(stream) == comments(expected)
    shown = frames(stream)
    assert [kind for kind, _ in shown] == [kind for kind, _ in frames(expected)]
    for (_, ours), (_, theirs) in zip(shown, frames(expected), strict=True):
        if "message" in theirs:
            assert_holds(ours.pop("message"), theirs.pop("message"))
        assert ours == theirs


def assert_holds(ours: dict[str, Any], golden: dict[str, Any]) -> None:
    """A golden message_start names what matters in it, and not each field that is null."""
    for key, value in golden.items():
        if isinstance(value, dict):
            assert_holds(ours[key], value)
        else:
            assert ours[key] == value, key


@every("answers")
def test_the_events_of_an_answer_fold_into_the_golden_response(golden: Golden, case: str) -> None:
    request = golden.api.decode(golden.request(case))
    whole = golden.api.document(request, [collect(golden.events(case))], golden.context())
    assert whole == golden.response(case)


@every("streams")
def test_a_golden_stream_and_ours_read_the_same(golden: Golden, case: str) -> None:
    ours = golden.decode(golden.encode(golden.request(case), golden.events(case)))
    assert comparable(golden.decode(golden.stream(case))) == comparable(ours)


@every("streams")
def test_a_golden_stream_is_read_as_a_legal_one(golden: Golden, case: str) -> None:
    grammar = Grammar()
    for event in golden.decode(golden.stream(case)):
        grammar.feed(event)
    assert grammar.state is State.DONE


@every("answers")
def test_what_is_read_from_a_golden_response_shows_as_that_response_again(
    golden: Golden, case: str
) -> None:
    request = golden.api.decode(golden.request(case))
    answer = collect(golden.api.events(golden.response(case)))
    assert golden.api.document(request, [answer], golden.context()) == golden.response(case)


@every("answers")
def test_what_is_read_from_a_golden_stream_shows_as_the_golden_response(
    golden: Golden, case: str
) -> None:
    request = golden.api.decode(golden.request(case))
    answer = collect(golden.decode(golden.stream(case)))
    shown = golden.api.document(request, [answer], golden.context())
    if golden.api.name == "chat" and case != "usage":
        shown["usage"] = golden.response(case)["usage"]  # the client did not ask for it
    assert shown == golden.response(case)


@every("streams")
def test_every_frame_is_one_that_the_sdk_knows(golden: Golden, case: str) -> None:
    if (golden.api.name, case) == CUSTOM_CALLS:
        return  # its delta type names functions only; the SDK suite reads such a stream for real
    for kind, data in frames(golden.encode(golden.request(case), golden.events(case))):
        if data and kind not in BEYOND and "error" not in data:
            SDK_EVENT[golden.api.name].validate_python(data)


@every("answers")
def test_every_answer_is_one_that_the_sdk_knows(golden: Golden, case: str) -> None:
    SDK_ANSWER[golden.api.name].model_validate(golden.response(case))
