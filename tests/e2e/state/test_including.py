"""`include`: sealed thoughts are shown where they are asked for."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from polystack.apis.responses.state.including import answered

from .telling import ON_ONE_STORE, telling

pytestmark = ON_ONE_STORE

SEALED: Any = ["reasoning.encrypted_content"]
THOUGHT: Any = {"type": "reasoning", "summary": [], "encrypted_content": "sealed"}


async def test_items_are_listed_without_sealed_thoughts_unless_they_are_asked_for() -> None:
    async with telling() as stack:
        client = stack.openai()
        talk = await client.conversations.create(items=[THOUGHT])
        listed = client.conversations.items.list
        assert (await listed(talk.id)).data[0].encrypted_content is None
        more: Any = [*SEALED, "message.output_text.logprobs"]
        assert (await listed(talk.id, include=more)).data[0].encrypted_content == "sealed"
        made = await client.responses.create(input=[THOUGHT, {"role": "user", "content": "a"}])
        items = client.responses.input_items.list
        assert (await items(made.id, order="asc")).data[0].encrypted_content is None
        shown = await items(made.id, order="asc", include=SEALED)
        assert shown.data[0].encrypted_content == "sealed"


async def test_an_unknown_value_is_refused_by_name() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input="a")
        wrong: Any = ["reasoning.everything"]
        for call in (client.responses.retrieve, client.responses.input_items.list):
            with pytest.raises(openai.BadRequestError, match=r"not 'reasoning\.everything'"):
                await call(made.id, include=wrong)


def test_an_answer_is_shown_with_the_thoughts_that_are_kept_beside_it() -> None:
    bare: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "encrypted_content": None}
    said: dict[str, Any] = {"id": "msg_1", "type": "message"}
    kept = [bare | {"encrypted_content": "sealed"}, said]
    answer = {"id": "resp_1", "output": [bare, said]}
    assert answered(answer, kept, frozenset()) == answer
    assert answered(answer, kept, frozenset(SEALED))["output"] == kept
