"""The engines' benchmark runs, and counts whole answers only."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
ROWS = {"raw loop", "polystack, worker only", "polystack, in process"} | {
    f"polystack, {protocol}" for protocol in ("chat", "messages", "responses")
}

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        sys.platform != "linux" or importlib.util.find_spec("llama_cpp") is None,
        reason="the benchmark reads /proc and needs llama.cpp",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What the shortest run prints, and what it writes."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [str(BENCH), "engine", "--quick", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_contestant_gives_every_stream_all_of_its_tokens(
    run: tuple[str, dict[str, Any]],
) -> None:
    _, written = run
    found = {(s["row"], s["streams"]): s for s in written["samples"] if "rate" in s}
    assert set(found) == {(row, streams) for row in ROWS for streams in (1, 4)}
    for (_, streams), sample in found.items():
        assert sample["tokens"] == 16 * streams
        assert 0 < sample["first_p50"] <= sample["first_max"] <= sample["seconds"]
        assert sample["cpu_us"] > 0


def test_the_tables_have_every_contestant_and_say_which_goals_are_reached(
    run: tuple[str, dict[str, Any]],
) -> None:
    printed, written = run
    for row in ROWS:
        assert f"| {row} |" in printed
    goals = {goal["figure"]: goal for goal in written["goals"]}
    assert isinstance(goals["tiny: in process, to the raw loop"]["reached"], bool)


def test_turns_cancelling_and_memory_are_measured(run: tuple[str, dict[str, Any]]) -> None:
    printed, written = run
    told = written["turns"]["tiny"]["polystack"]
    assert "### tiny: turns" in printed
    for name in ("cold_ms", "cached_ms", "takes_over_ms", "free_ms", "step_ms", "memory_late"):
        assert told[name] > 0


def test_a_rival_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    command = [str(BENCH), "engine", "--quick", "--rivals", "--only", "server"]
    done = subprocess.run(
        [*command, "--cache", str(nowhere)], capture_output=True, text=True, check=False
    )
    for name in ("llama-server", "llama_cpp.server", "examples/server"):
        assert f"- {name} is missing" in done.stdout
