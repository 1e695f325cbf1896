"""What all tests share: hypothesis without clocks, and two stacks, run as a user runs them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dialects import PATHS
from hypothesis import HealthCheck, settings
from judging import complaints, judging
from serving import serving

if TYPE_CHECKING:
    from anthropic import Anthropic
    from asking import Clients
    from openai import OpenAI
    from scratch import Scratch

# Packages of their own, whose tests run where they are installed.
collect_ignore = ["plugins/acme", "plugins/notes"]

# Timing never decides a test: a busy machine is no failure.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# A shell that starts them in the background has them ignore Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that a test does is kept in the home of whoever runs it."""
    os.environ["POLYSTACK_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session", autouse=True)
def judged() -> Iterator[None]:
    with judging():
        yield


@pytest.fixture(autouse=True)
def as_specified(judged: None) -> Iterator[None]:
    """No test makes or gets an answer of Responses that breaks the Open Responses specification."""
    yield
    found = complaints()
    assert not found, "\n".join(found)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database on a real PostgreSQL, which runs as long as the tests do."""
    import postgres_server

    if postgres_server.programs() is None:
        pytest.skip(postgres_server.MISSING)
    # It is processes that end in these tests, never the machine.
    with postgres_server.running("fsync=off") as url:
        yield url


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutations", type=int, default=400, help="nearly right requests to send, per provider"
    )
    parser.addoption(
        "--kills", type=int, help="processes to kill while they write, per database and test"
    )
    parser.addoption(
        "--histories", type=int, default=40, help="sequences of calls about what is kept, to try"
    )
    parser.addoption(
        "--every-store", action="store_true", help="also run on each store what none decides"
    )
    parser.addoption(
        "--record",
        choices=list(PATHS),
        metavar="API",
        help="rewrite the answers in tests/e2e/prompts.json from this API's endpoint "
        "(messages, responses or chat), then test all three against them; refused in CI",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record") and os.environ.get("CI"):
        raise pytest.UsageError("--record is refused in CI: somebody must look at the answers")


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """`stack run starter.yaml`: the model that ships with the project."""
    with serving("starter.yaml") as url:
        yield url


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """An environment with both packages of `plugins/` in it, installed by pip."""
    from scratch import Scratch

    made = Scratch(tmp_path_factory.mktemp("scratch"))
    for package in ("acme", "notes"):
        made.install(package)
    return made


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """The official SDKs' clients of a stack that answers by `e2e/parts.yaml`."""
    from asking import connected  # slow, and most tests need no SDK

    with (
        serving(Path(__file__).with_name("e2e") / "parts.yaml") as url,
        connected(url) as clients,
    ):
        yield clients


@pytest.fixture
def claude(clients: Clients) -> Anthropic:
    return clients.claude


@pytest.fixture
def gpt(clients: Clients) -> OpenAI:
    return clients.gpt
