"""Each program in docs/examples runs, says nothing else, and prints what it says that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from polystack.core.faces.cli.checking import check

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.mark.engine
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    promised = re.findall(r"^# prints: (.*)$", path.read_text(), re.MULTILINE)
    assert promised
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.splitlines(), done.stderr) == (promised, "")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_distribution_among_the_examples_is_valid(path: Path) -> None:
    said, notes = check(str(path))
    assert said.startswith(f"{path} is valid")
    assert notes == []
