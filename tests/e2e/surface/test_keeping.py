"""What is kept of an answer: looked at, gone on from, put in brief, and forgotten."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from .distributions import KINDS

pytestmark = pytest.mark.engine

SAID: Any = [
    {"role": "user", "content": "my name is Ada"},
    {"role": "assistant", "content": "Nice to meet you, Ada."},
]


def text_of(item: Any) -> str:
    text: str = item.content[0].text
    return text


def test_what_is_kept_is_what_was_answered(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", metadata={"a": "b"})
    assert made.model_extra is not None
    assert made.model_extra["store"] is True
    raw = client.responses.with_raw_response.retrieve(made.id)
    assert raw.parse() == made
    assert raw.headers.get("x-stack-route") == ("native" if model == "native" else None)


def test_sealed_thoughts_are_shown_to_who_asks_for_them(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", reasoning={"effort": "high"})
    plain: Any = client.responses.retrieve(made.id).output[0]
    whole = client.responses.retrieve(made.id, include=["reasoning.encrypted_content"])
    sealed: Any = whole.output[0]
    assert plain.type == sealed.type == "reasoning"
    assert plain.encrypted_content is None
    # A model in its own process seals nothing; a thought that came from elsewhere is sealed here.
    assert (sealed.encrypted_content is None) is (model in ("local", "native"))


def test_an_answer_goes_on_from_another_one(client: OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="my name is Ada")
    second = client.responses.create(
        model=model, input="What is my name?", previous_response_id=first.id
    )
    assert second.output_text == "Your name is Ada."
    assert second.previous_response_id == first.id
    alone = client.responses.create(model=model, input="What is my name?")
    assert alone.output_text != second.output_text


@pytest.mark.parametrize("other", KINDS)
def test_any_model_goes_on_from_an_answer_of_this_stack(
    client: OpenAI, model: str, other: str
) -> None:
    first = client.responses.create(model=other, input="my name is Ada")
    asked: Any = {"model": model, "input": "What is my name?", "previous_response_id": first.id}
    if other == "native" != model:  # it is kept by the upstream, which only its own model asks
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(**asked)
        assert caught.value.code == "previous_response_not_found"
        return
    raw = client.responses.with_raw_response.create(**asked)
    second = raw.parse()
    assert second.output_text == "Your name is Ada."
    routes = {"local": "translated", "chat": "translated", "messages": "translated"}
    native = "native" if other == "native" else "rewritten; kept"
    assert raw.headers["x-stack-route"] == routes.get(model, native)
    kept = client.responses.with_raw_response.retrieve(second.id)
    ours = (model, other) != ("native", "native")
    assert (kept.headers.get("x-stack-route") is None) is ours


def test_the_items_that_an_answer_was_made_of_are_listed(client: OpenAI, model: str) -> None:
    hello: Any = {"role": "user", "content": "Say hello"}
    first = client.responses.create(model=model, input=[*SAID, hello])
    made = client.responses.create(
        model=model, input="What is my name?", previous_response_id=first.id
    )
    listed = list(client.responses.input_items.list(made.id, order="asc", limit=2))
    said = [turn["content"] for turn in (*SAID, hello)]
    assert [text_of(item) for item in listed] == [*said, first.output_text, "What is my name?"]
    ids = [item.id for item in listed]
    assert len(set(ids)) == 5
    page = client.responses.input_items.list(made.id, limit=1, after=ids[2])
    assert [item.id for item in page.data] == [ids[1]]
    assert page.has_more


def assert_nothing_goes_on_from(id: str, client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="And?", previous_response_id=id)
    assert caught.value.code == "previous_response_not_found"


def test_a_deleted_answer_is_gone(client: OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="my name is Ada")
    second = client.responses.create(model=model, input="Say hello", previous_response_id=first.id)
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(first.id)
    assert_nothing_goes_on_from(second.id, client, model)


def test_what_is_not_stored_is_not_kept(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    assert_nothing_goes_on_from(made.id, client, model)


def test_an_answer_that_is_there_at_once_cannot_be_cancelled(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello")
    with pytest.raises(openai.BadRequestError, match="does not run in the background"):
        client.responses.cancel(made.id)


def test_a_conversation_goes_on_in_brief(client: OpenAI, model: str) -> None:
    brief = client.responses.compact(model=model, input=SAID, instructions="Be kind.")
    assert brief.object == "response.compaction"
    assert [item.type for item in brief.output] == ["message", "compaction"]
    assert brief.usage.output_tokens > 0
    said, summary = [item.to_dict(warnings=False) for item in brief.output]
    hello = {"role": "user", "content": "Say hello"}
    tokens = []
    for items in ([said, hello], [said, summary, hello]):
        raw = client.responses.with_raw_response.create(model=model, input=items)  # type: ignore[arg-type]
        assert raw.headers["x-stack-fidelity"] == "exact"
        made = raw.parse()
        assert made.status == "completed"
        assert made.usage is not None
        tokens.append(made.usage.input_tokens)
    assert tokens[0] + 20 < tokens[1], "the model was told what the summary says"


def test_an_answer_is_put_in_brief_where_it_is_kept(client: OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="my name is Ada")
    brief = client.responses.compact(model=model, previous_response_id=first.id)
    assert [item.type for item in brief.output] == ["message", "compaction"]
