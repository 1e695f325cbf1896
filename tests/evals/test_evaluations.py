"""Every evaluation in its short form: what the project promises of local models, on each engine."""

from __future__ import annotations

import pytest

from evals import calls, patches, schemas
from evals.tally import Tally, table

pytestmark = pytest.mark.engine


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def good(tallies: list[Tally]) -> None:
    notes = "\n".join(note for tally in tallies for note in tally.notes)
    assert not [p for tally in tallies for p in tally.problems], f"{table(tallies)}\n{notes}"


async def test_every_call_parses_and_its_tool_takes_it(engine: str) -> None:
    good(await calls.evaluate(engine, 24))


async def test_every_document_is_of_its_schema(engine: str) -> None:
    good(await schemas.evaluate(engine, 16))


async def test_every_patch_is_of_codexs_grammar(engine: str) -> None:
    good(await patches.evaluate(engine, 4))
