"""The gateway's benchmark runs, and every answer that it counts is a whole one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "scripts" / "bench"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="the benchmark reads /proc and compiles its load generator",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a very short run of one case prints, and what it writes."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [str(BENCH), "gateway", "--seconds", "0.1", "--rounds", "1", "--json", str(file)]
    command += ["--only", "messages to chat, stream"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_system_answers_every_request(run: tuple[str, dict[str, Any]]) -> None:
    _, written = run
    loads = [sample for sample in written["samples"] if "rate" in sample]
    assert {"direct", "polystack"} <= {sample["system"] for sample in loads}
    assert {sample["connections"] for sample in loads} == {1, 32}
    for sample in loads:
        assert sample["requests"] > 0
        assert (sample["errors"], sample["unfinished"], sample["error"]) == (0, 0, "")
    assert not [note for note in written["notes"] if "polystack" in note]


def test_cost_memory_and_the_cold_start_are_measured(run: tuple[str, dict[str, Any]]) -> None:
    _, written = run
    ours = [sample for sample in written["samples"] if sample["system"] == "polystack"]
    assert all(sample["cpu_us"] > 0 for sample in ours if "rate" in sample)
    footprint = written["footprint"]["polystack"]
    assert footprint["cold_start"] > 0
    assert footprint["memory"] >= 10


def test_the_tables_name_the_case_and_the_goals(run: tuple[str, dict[str, Any]]) -> None:
    printed, written = run
    assert "### Goals" in printed
    assert "### messages to chat, stream" in printed
    assert "| polystack |" in printed
    figures = [goal["figure"] for goal in written["goals"]]
    assert "resident after load" in figures


def test_an_unknown_benchmark_and_an_unknown_case_say_what_there_is() -> None:
    for arguments, words in (
        (["nothing"], "usage: scripts/bench gateway|engine|attention|startup"),
        (["gateway", "--only", "nothing"], "no case's name holds 'nothing'"),
    ):
        done = subprocess.run([str(BENCH), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert words in done.stderr
