"""What an answer asks of its store: one write at its end, and nothing while it is being made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from polystack.core import Stack
from polystack.core.contract.store import Write

from .telling import ON_ONE_STORE

pytestmark = ON_ONE_STORE


def distribution(store: dict[str, Any], deltas: int) -> dict[str, Any]:
    text = [f"word {number} " for number in range(deltas)]
    script = {"type": "scripted", "config": {"answers": [{"parts": [{"text": text}]}]}}
    return {
        "version": 1,
        "name": "costs",
        "apis": ["responses"],
        "providers": {"scripted": script},
        "store": store,
    }


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("deltas", [1, 1000])
async def test_a_stream_of_any_length_is_written_once(
    store: dict[str, Any], deltas: int, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    async with Stack.load(distribution(store, deltas)) as stack:
        kept = stack.store
        assert kept is not None
        put_all, seen = kept.put_all, 0

        async def put(writes: Sequence[Write]) -> None:
            asked.extend(writes)
            await put_all(writes)

        async def unexpected(*given: object, **named: object) -> Any:
            asked.append(given)

        monkeypatch.setattr(kept, "put_all", put)
        for name in ("get", "swap", "list", "delete"):
            monkeypatch.setattr(kept, name, unexpected)
        stream = await stack.openai().responses.create(
            model="scripted", input="a", stream=True, store=stored
        )
        async for event in stream:
            seen += event.type == "response.output_text.delta"
        assert seen == deltas
        assert len(asked) == stored
