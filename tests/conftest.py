"""Stacks that the end-to-end suites talk to, started once each, as a user starts them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import serving


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """`stack run starter.yaml`: the model that ships with the project."""
    with serving("starter.yaml") as url:
        yield url
