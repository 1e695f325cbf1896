"""What is asked through an SDK is asked twice: of a server over HTTP, and of a stack in process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from facing import Face, face_of

if TYPE_CHECKING:
    from asking import Clients


@pytest.fixture(scope="session", params=["http", "library"])
def face(request: pytest.FixtureRequest) -> Face:
    return face_of(request.param)


@pytest.fixture(scope="session")
def tiny(face: Face) -> Iterator[str]:
    """The template `starter`: the model that ships with the project."""
    with face("starter.yaml") as url:
        yield url


@pytest.fixture(scope="session")
def clients(face: Face) -> Iterator[Clients]:
    """The official SDKs' clients of a stack that answers by `parts.yaml`."""
    from asking import connected

    with face(Path(__file__).with_name("parts.yaml")) as url, connected(url) as clients:
        yield clients
