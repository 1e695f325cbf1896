"""What `stack run` says at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from polystack.core import Stack
from polystack.core.faces.server.summary import summary


async def said(**changes: Any) -> str:
    async with Stack.load({"extends": "scripted", **changes}) as stack:
        return summary(stack, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ({"type": "memory"}, "    memory  in this process, until it ends"),
        ({"type": "sqlite", "config": {"path": "kept.db"}}, "    sqlite  kept.db"),
    ],
)
async def test_where_things_are_kept_is_shown(
    store: dict[str, Any], shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"\n  store\n{shown}\n\n  Ctrl-C" in await said(store=store)


async def test_without_a_store_there_is_no_word_of_one() -> None:
    told = await said(store=None)
    assert "store" not in told
    assert told.startswith("polystack serves 'scripted' at http://127.0.0.1:1\n\n  protocols\n")
