"""docs/testing-providers.md is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from polystack.core.testing import CHECKS, check_provider

DOCUMENT = (Path(__file__).parents[3] / "docs" / "testing-providers.md").read_text()


def test_the_table_of_checks_is_the_list_of_checks() -> None:
    _, table = DOCUMENT.split("| check | what holds |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert rows == [f"| `{check.name}` | {check.doc} |" for check in CHECKS]


def test_every_argument_is_described() -> None:
    arguments = set(inspect.signature(check_provider).parameters) - {"provider"}
    table = DOCUMENT.split("| argument | what it does |\n")[1].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == arguments
