"""Every evaluation in its short form: what the project promises of local models, on each engine."""

from __future__ import annotations

import pytest

from evals import calls, equality, patches, schemas, soak
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


async def test_an_answer_is_the_same_however_the_engine_came_to_it(engine: str) -> None:
    good(await equality.evaluate(engine, {"llamacpp": 5, "mlx": 20}[engine]))


async def test_conversations_beside_each_other_hear_nothing_of_each_other() -> None:
    good(await soak.evaluate("llamacpp", 0))


def test_an_evaluation_says_what_is_wrong() -> None:
    tally = Tally("documents", least=5)
    for kind in ("valid", "valid", "cut", "invalid"):
        tally.add(kind)
    assert tally.problems == [
        "documents: 1 are invalid",
        "documents: 2 are valid, and 5 have to be",
        "documents: 1 of 4 were cut off",
    ]
    assert table([tally]).splitlines()[-1] == "| documents | 2 | 1 | 1 |"
