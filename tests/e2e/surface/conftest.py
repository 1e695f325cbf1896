"""Every test runs for each kind of model, over HTTP and with the stack in the same process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI
from serving import serving

from polystack.core import Stack

from .distributions import KINDS, UPSTREAM, facing


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> str:
    """A model's name, which is the kind that it is of."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="package", params=["http", "library"])
def over(request: pytest.FixtureRequest) -> str:
    face: str = request.param
    return face


@pytest.fixture(scope="package")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stack under test, while its upstream runs. JSON is YAML, too."""
    folder = tmp_path_factory.mktemp("surface")
    upstream, ours = folder / "upstream.yaml", folder / "surface.yaml"
    upstream.write_text(json.dumps(UPSTREAM))
    with serving(upstream) as url:
        ours.write_text(json.dumps(facing(url)))
        yield ours


@pytest.fixture(scope="package")
def url(distribution: Path) -> Iterator[str]:
    with serving(distribution) as served:
        yield f"{served}/v1"


@pytest.fixture(scope="package")
def client(over: str, distribution: Path, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    if over == "library":
        with Stack.load(distribution) as stack:
            yield stack.openai(max_retries=0)
    else:
        url = request.getfixturevalue("url")
        with OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            yield client


@pytest.fixture
async def aclient(
    over: str, distribution: Path, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncOpenAI]:
    """The asynchronous client; in library mode with a stack on the test's own loop."""
    if over == "library":
        async with Stack.load(distribution) as stack:
            yield stack.openai(max_retries=0)
    else:
        url = request.getfixturevalue("url")
        async with AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
            yield client
