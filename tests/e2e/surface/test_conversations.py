"""Conversations: kept by this stack, whichever model goes on with them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import openai
import pytest
from openai import OpenAI

from .distributions import KINDS
from .test_answers import WEATHER
from .test_keeping import text_of

pytestmark = pytest.mark.engine


def said(*texts: str) -> Any:
    return [{"type": "message", "role": "user", "content": text} for text in texts]


def test_answers_go_on_in_their_conversation(client: OpenAI, model: str) -> None:
    talk = client.conversations.create(items=said("my name is Ada"))
    first = client.responses.create(model=model, input="Say hello", conversation=talk.id)
    raw = client.responses.with_raw_response.create(
        model=model, input="What is my name?", conversation={"id": talk.id}
    )
    second = raw.parse()
    assert second.output_text == "Your name is Ada."
    assert second.conversation is not None
    assert second.conversation.id == talk.id
    route = "rewritten; kept" if model == "native" else "translated"
    assert raw.headers["x-stack-route"] == route
    assert client.responses.retrieve(second.id) == second
    listed = list(client.conversations.items.list(talk.id, order="asc", limit=2))
    assert [text_of(item) for item in listed] == [
        "my name is Ada",
        "Say hello",
        first.output_text,
        "What is my name?",
        "Your name is Ada.",
    ]


def test_models_take_turns_in_one_conversation(client: OpenAI) -> None:
    talk = client.conversations.create()
    used = []
    for kind in (*KINDS, *KINDS):
        made = client.responses.create(model=kind, input="Say hello", conversation=talk.id)
        assert made.usage is not None
        used.append(made.usage.input_tokens)
    steps = [after - before for before, after in pairwise(used)]
    assert steps[0] > 10, "each model is told all that was said before"
    assert steps == [steps[0]] * len(steps)
    assert len(client.conversations.items.list(talk.id, limit=100).data) == 4 * len(KINDS)


def test_a_streamed_answer_is_in_its_conversation(client: OpenAI, model: str) -> None:
    talk = client.conversations.create()
    with client.responses.stream(model=model, input="Say hello", conversation=talk.id) as stream:
        final: Any = stream.get_final_response()
    (newest,) = client.conversations.items.list(talk.id, limit=1).data
    assert text_of(newest) == final.output_text
    assert newest.id == final.output[0].id


def test_the_answers_of_a_deleted_conversation_are_kept(client: OpenAI, model: str) -> None:
    talk = client.conversations.create()
    made = client.responses.create(model=model, input="Say hello", conversation=talk.id)
    assert client.conversations.delete(talk.id).deleted
    assert client.responses.retrieve(made.id) == made
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=model, input="And?", conversation=talk.id)


def test_a_call_and_its_output_are_items_of_a_conversation(client: OpenAI, model: str) -> None:
    talk = client.conversations.create()
    asked: Any = {"model": model, "tools": [WEATHER], "conversation": talk.id}
    made = client.responses.create(**asked, input="What is the weather in Paris?")
    (call,) = [item for item in made.output if item.type == "function_call"]
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    answer = client.responses.create(**asked, input=[output])
    assert "sunny" in answer.output_text
    listed = list(client.conversations.items.list(talk.id, order="asc"))
    kinds = [item.type for item in listed if item.type != "reasoning"]
    assert kinds == ["message", "function_call", "function_call_output", "message"]


# No model has a part in these -----------------------------------------------------------------


def test_a_conversation_is_made_renamed_and_forgotten(client: OpenAI) -> None:
    talk = client.conversations.create(metadata={"topic": "sun"})
    assert talk.id.startswith("conv_")
    assert client.conversations.retrieve(talk.id) == talk
    changed = client.conversations.update(talk.id, metadata={"topic": "rain"})
    assert changed.metadata == {"topic": "rain"}
    assert client.conversations.retrieve(talk.id) == changed
    assert client.conversations.delete(talk.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(talk.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.list(talk.id)


def test_items_are_added_found_paged_and_removed(client: OpenAI) -> None:
    talk = client.conversations.create(items=said("a"))
    made = client.conversations.items.create(talk.id, items=said("b", "c"))
    assert [text_of(item) for item in made.data] == ["b", "c"]
    ids: list[Any] = [item.id for item in made.data]
    found = client.conversations.items.retrieve(ids[0], conversation_id=talk.id)
    assert found == made.data[0]
    pages = client.conversations.items.list(talk.id, limit=1)
    assert [text_of(item) for item in pages] == ["c", "b", "a"]
    behind = client.conversations.items.list(talk.id, after=ids[0], order="asc")
    assert [text_of(item) for item in behind] == ["c"]
    left = client.conversations.items.delete(ids[0], conversation_id=talk.id)
    assert left.id == talk.id
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(ids[0], conversation_id=talk.id)
    assert [text_of(item) for item in client.conversations.items.list(talk.id)] == ["c", "a"]
