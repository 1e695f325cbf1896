"""What the peer plays is what upstreams send: the official SDKs' types are the judges of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from peer import transcripts
from pydantic import TypeAdapter

ANSWERS: dict[str, Any] = {"messages": Message, "responses": Response, "chat": ChatCompletion}
EVENTS: dict[str, Any] = {
    "messages": RawMessageStreamEvent,
    "responses": ResponseStreamEvent,
    "chat": ChatCompletionChunk,
}
PLAYED = [(api, each) for api in transcripts.PROTOCOLS for each in transcripts.scenarios(api)]


def types_of(kind: Any) -> dict[str, Any]:
    """The types of a union by the word in their field `type`."""
    union = get_args(kind)[0] if get_args(kind) else kind
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(union)}


def frames(stream: bytes) -> Iterator[tuple[str, str]]:
    """The names and the data of a stream's events, read in the plainest way there is."""
    for event in stream.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        yield fields.get("event", ""), fields["data"]


@pytest.mark.parametrize(("api", "scenario"), PLAYED)
def test_an_answer_is_of_the_sdks_type(api: str, scenario: str) -> None:
    ANSWERS[api].model_validate_json(transcripts.document(api, scenario), strict=True)


@pytest.mark.parametrize(("api", "scenario"), PLAYED)
def test_every_event_is_of_the_sdks_type(api: str, scenario: str) -> None:
    events = list(frames(transcripts.stream(api, scenario)))
    if api == "chat":
        *events, last = events
        assert last == ("", "[DONE]")
    known = {} if api == "chat" else types_of(EVENTS[api])
    for name, data in events:
        if name == "ping":  # which the SDK skips before it looks at a type
            continue
        kind = EVENTS[api] if api == "chat" else known[name]
        TypeAdapter(kind).validate_json(data, strict=True)
        assert name == json.loads(data).get("type", "")


@pytest.mark.parametrize("scenario", transcripts.scenarios("responses"))
def test_events_of_responses_are_numbered_from_nought(scenario: str) -> None:
    events = [json.loads(data) for _, data in frames(transcripts.stream("responses", scenario))]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    whole = json.loads(transcripts.document("responses", scenario))
    assert events[-1]["response"] == whole
