"""Harmony by OpenAI's package where that has its vocabulary, else by one that does as it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polystack.core.canon.errors import ConfigError
from polystack.providers.local.formats import harmony

from .harmonic import STANDING_IN


@pytest.fixture(autouse=True, scope="session")
def _harmony() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        try:
            harmony.loaded()
        except ConfigError:
            patch.setattr(harmony, "loaded", lambda: STANDING_IN)
        yield
