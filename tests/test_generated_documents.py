"""What of the documents is made from the code is up to date, and its examples are valid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from test_documents import blocks

from polystack.core import Stack
from polystack.core.faces.cli.checking import check

ROOT = Path(__file__).parents[1]


def test_the_generated_parts_are_what_the_code_says_now() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "documents", "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def whole(block: str) -> dict[str, Any]:
    """A distribution, completed where the document shows a part of one."""
    part = YAML(typ="safe", pure=True).load(block)
    rest = {"version": 1, "name": "part", "apis": ["chat"]}
    return part if "extends" in part else {**rest, **part}


@pytest.mark.parametrize("number", range(3))
def test_the_distributions_in_configuration_are_valid(number: int, tmp_path: Path) -> None:
    block = blocks("docs/configuration.md", "yaml")[number]
    path = tmp_path / "shown.yaml"
    YAML(typ="safe", pure=True).dump(whole(block), path)
    said, _ = check(str(path))
    assert said.startswith(f"{path} is valid")


def test_the_example_of_extending_does_what_its_comments_say() -> None:
    extending = whole(blocks("docs/configuration.md", "yaml")[2])
    aliases = Stack.load(extending).distribution.aliases
    assert list(aliases) == ["o3*", "claude-*"]
    in_a_program = {"extends": "starter", "server": {"port": 9000}}
    assert Stack.load(in_a_program).distribution.server.port == 9000
