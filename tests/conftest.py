"""What all tests share: hypothesis without clocks, and the starter, run once as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from serving import serving

# Timing never decides a test: a busy machine is no failure.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutations", type=int, default=400, help="nearly right requests to send, per provider"
    )


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """`stack run starter.yaml`: the model that ships with the project."""
    with serving("starter.yaml") as url:
        yield url
