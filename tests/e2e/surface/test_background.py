"""`background`: made whether anybody waits or not, cancelled, and its stream picked up again."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from .test_answers import HELLO

pytestmark = pytest.mark.engine

RUNNING = ("queued", "in_progress")
# Minutes of work for the tiny model: it has to write a list that has no end in sight.
ENDLESS: Any = {
    "input": "Say hello",
    "background": True,
    "text": {
        "format": {
            "type": "json_schema",
            "name": "endless",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"all": {"type": "array", "items": {"const": 1}, "minItems": 8000}},
                "required": ["all"],
                "additionalProperties": False,
            },
        }
    },
}


def ended(client: OpenAI, id: str) -> Any:
    """Poll as the SDK's documentation has it, until the answer is there."""
    for _ in range(2_000):
        if (found := client.responses.retrieve(id)).status not in RUNNING:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{id} does not end")


def test_an_answer_is_polled_until_it_is_there(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="my name is Ada", background=True)
    assert made.status in RUNNING
    assert (made.background, made.output) == (True, [])
    found = ended(client, made.id)
    assert (found.status, found.output_text) == ("completed", "Nice to meet you, Ada.")
    assert found.created_at == made.created_at
    after = client.responses.create(
        model=model, input="What is my name?", previous_response_id=made.id
    )
    assert after.output_text == "Your name is Ada."


def test_one_that_runs_is_cancelled_for_good(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, **ENDLESS)
    assert client.responses.cancel(made.id).status == "cancelled"
    assert client.responses.cancel(made.id).status == "cancelled"
    assert ended(client, made.id).status == "cancelled"


def test_one_that_has_ended_stays_as_it_is(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", background=True)
    found = ended(client, made.id)
    assert client.responses.cancel(made.id) == found


def test_one_that_runs_is_deleted(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, **ENDLESS)
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_stream_is_picked_up_at_any_event(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", background=True, stream=True)
    events: list[Any] = list(made)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.queued"]
    assert events[-1].response.output_text == HELLO
    id = events[0].response.id
    assert list(client.responses.retrieve(id, stream=True)) == events
    for number in (0, 5, len(events) - 2):
        rest = client.responses.retrieve(id, stream=True, starting_after=number)
        assert list(rest) == events[number + 1 :]
    assert list(client.responses.retrieve(id, stream=True, starting_after=len(events))) == []
    assert client.responses.retrieve(id) == events[-1].response


def test_a_stream_that_was_left_goes_on_without_its_reader(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", background=True, stream=True)
    first: Any = next(made)
    made.close()
    with client.responses.stream(
        response_id=first.response.id, starting_after=first.sequence_number
    ) as stream:
        final = stream.get_final_response()
    assert final.output_text == HELLO
    assert ended(client, final.id).output_text == HELLO


def test_a_stream_ends_where_its_answer_is_cancelled(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, **ENDLESS, stream=True)
    first: Any = next(made)
    client.responses.cancel(first.response.id)
    last: Any = list(made)[-1]
    assert (last.type, last.response.status) == ("response.incomplete", "cancelled")


def test_what_needs_a_kept_answer_is_refused_without_one(client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError, match="background: ") as caught:
        client.responses.create(model=model, input="Say hello", background=True, store=False)
    assert caught.value.param == "background"


def test_only_what_was_streamed_can_be_picked_up(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", background=True)
    with pytest.raises(openai.BadRequestError, match="was not created with") as caught:
        client.responses.retrieve(made.id, stream=True)
    assert caught.value.param == "stream"
    with pytest.raises(openai.BadRequestError, match="needs stream"):
        client.responses.retrieve(made.id, starting_after=3)
