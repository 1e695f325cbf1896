"""What is kept is kept in every store, and the tests see no difference.

Those of what no store decides run on one (`telling.ON_ONE_STORE`), unless `--every-store` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from .telling import DISTRIBUTION

CONFIG: dict[str, Callable[[pytest.FixtureRequest, Path], dict[str, Any]]] = {
    "memory": lambda request, folder: {},
    "sqlite": lambda request, folder: {"path": str(folder / "store.db")},
    "postgres": lambda request, folder: {"url": request.getfixturevalue("postgres")},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" not in metafunc.fixturenames or any(
        map(_chooses, metafunc.definition.iter_markers())
    ):
        return
    one = metafunc.definition.get_closest_marker("one_store")
    every = not one or metafunc.config.getoption("--every-store")
    metafunc.parametrize("store", list(CONFIG) if every else ["sqlite"], indirect=True)


def _chooses(mark: pytest.Mark) -> bool:
    return mark.name == "parametrize" and "store" in _names(mark.args[0])


def _names(given: str | Sequence[str]) -> Sequence[str]:
    return given.replace(" ", "").split(",") if isinstance(given, str) else given


@pytest.fixture(autouse=True)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What a distribution says of its store."""
    entry = {"type": request.param, "config": CONFIG[request.param](request, tmp_path)}
    monkeypatch.setitem(DISTRIBUTION, "store", entry)
    return entry
