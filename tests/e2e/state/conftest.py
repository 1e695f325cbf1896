"""What is kept is kept in every store, and the tests see no difference.

Those of what no store decides run on one (`telling.ON_ONE_STORE`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .telling import DISTRIBUTION

CONFIG: dict[str, Callable[[pytest.FixtureRequest, Path], dict[str, Any]]] = {
    "memory": lambda request, folder: {},
    "sqlite": lambda request, folder: {"path": str(folder / "store.db")},
    "postgres": lambda request, folder: {"url": request.getfixturevalue("postgres")},
}


@pytest.fixture(params=CONFIG, autouse=True)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What a distribution says of its store."""
    entry = {"type": request.param, "config": CONFIG[request.param](request, tmp_path)}
    monkeypatch.setitem(DISTRIBUTION, "store", entry)
    return entry
