"""Harmony is read here by OpenAI's package, or by one that does as it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harmonic import read_somehow


@pytest.fixture(autouse=True, scope="session")
def _harmony() -> Iterator[None]:
    with read_somehow():
        yield
