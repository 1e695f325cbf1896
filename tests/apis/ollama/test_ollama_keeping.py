"""Calls that want no answer: the model is loaded, or let go."""

from __future__ import annotations

from typing import Any

import pytest
from keeping import DISTRIBUTION, Keeper

from polystack.apis.ollama.keeping import keeping
from polystack.core import Stack
from polystack.core.canon.errors import Conflict, InvalidRequest, UnknownModel
from polystack.core.contract.api import Keeping

GENERATE, CHAT = "generate", "create"


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (GENERATE, {}),
        (GENERATE, {"prompt": ""}),
        (CHAT, {}),
        (CHAT, {"messages": [], "stream": True}),
    ],
)
def test_a_call_without_words_is_for_its_model_alone(
    operation: str, document: dict[str, Any]
) -> None:
    for keep_alive, loaded in (
        (None, True),
        ("5m", True),
        (-1, True),
        (0, False),
        ("0", False),
        ("0s", False),
        (" 0.0m ", False),
        ("01m", True),
    ):
        asked = {"model": "m", "keep_alive": keep_alive} | document
        assert keeping(asked, operation) == Keeping("m", loaded)


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (GENERATE, {"model": "m", "prompt": "hi", "keep_alive": 0}),
        (GENERATE, {"model": "m", "images": ["x"]}),
        (GENERATE, {"model": "m", "suffix": "x"}),
        (CHAT, {"model": "m", "messages": [{"role": "user", "content": ""}]}),
        (CHAT, {"messages": []}),
        (CHAT, {"model": 3}),
        (CHAT, ["model"]),
    ],
)
def test_any_other_call_is_for_an_answer(operation: str, document: object) -> None:
    assert keeping(document, operation) is None


async def test_the_model_comes_and_goes_and_the_answer_says_so() -> None:
    async with Stack.load(DISTRIBUTION | {"apis": ["ollama"]}, providers=[Keeper]) as stack:

        async def told(operation: str, **document: Any) -> Any:
            answer = (await stack.handle("ollama", operation, document)).document
            assert answer is not None
            assert answer.pop("created_at")
            return answer

        assert await told(GENERATE, model="small") == {
            "model": "small",
            "response": "",
            "done": True,
            "done_reason": "load",
        }
        assert stack.models()["models"][0]["state"] == "loaded"
        assert await told(CHAT, model="main", keep_alive=0) == {
            "model": "main",
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "unload",
        }
        assert stack.models()["models"][0]["state"] == "unloaded"
        assert (await told(GENERATE, model="scripted"))["done_reason"] == "load"
        with pytest.raises(UnknownModel):
            await told(GENERATE, model="nobody")
        with pytest.raises(Conflict):
            await told(GENERATE, model="busy", keep_alive="0s")
        with pytest.raises(InvalidRequest, match="model"):
            await told(CHAT, messages=[])
