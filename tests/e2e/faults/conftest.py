"""One stack in front of one broken upstream, for all cells; each is played once to raw clients."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_calls import CELLS, Cell, ask, distribution
from fault_kinds import script
from peer import Peer
from peer.raw import Reply
from serving import serving


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A distribution whose upstream plays the kind that the model is called."""
    source: Path = tmp_path_factory.mktemp("broken") / "broken.yaml"
    with Peer() as peer:
        peer.script = script
        source.write_text(distribution(peer.url))
        yield source


@pytest.fixture(scope="package")
def broken(faulty: Path) -> Iterator[str]:
    """The URL of a server of that distribution."""
    with serving(faulty) as url:
        yield url


@pytest.fixture(scope="package")
def replies(broken: str) -> dict[Cell, Reply]:
    """All cells side by side: what waits for one silent upstream keeps no other waiting."""
    with ThreadPoolExecutor(12) as pool:
        return dict(zip(CELLS, pool.map(lambda cell: ask(broken, cell), CELLS), strict=True))
