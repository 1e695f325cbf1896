"""The pytest plugin, in runs of pytest as somebody else's project has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from polystack.core.testing import CHECKS

TESTS = Path(__file__).parents[2]  # where the providers of these tests can be imported from
HEAVY = ("pydantic", "aiohttp", "starlette", "uvicorn", "polystack.core.testing.kit")


def run(tmp_path: Path, code: str, *args: str) -> str:
    tmp_path.joinpath("test_acme.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *args, "."]
    environment = {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


CONTRACT = """
import broken_providers

def test_contract(provider_check):
    provider_check(broken_providers.{provider}())
"""


def test_a_test_runs_once_for_each_check_and_is_called_after_it(tmp_path: Path) -> None:
    said = run(tmp_path, CONTRACT.format(provider="Sound"))
    for check in CHECKS:
        assert f"PASSED test_acme.py::test_contract[{check.name}]" in said
    assert f"{len(CHECKS)} passed" in said


def test_a_finding_is_shown_in_a_line_and_without_the_kit_around_it(tmp_path: Path) -> None:
    said = run(tmp_path, CONTRACT.format(provider="JustStops"))
    assert "FAILED test_acme.py::test_contract[grammar]" in said
    assert "grammar: plain: the stream ended after" in said
    assert "core/testing" not in said


def test_what_cannot_be_checked_is_skipped_with_the_reason(tmp_path: Path) -> None:
    said = run(tmp_path, CONTRACT.format(provider="JustStops"))
    assert "unchecked: a plain request got no legal answer" in said
    assert "1 failed" in said


def test_a_coroutine_is_told_to_be_a_plain_function(tmp_path: Path) -> None:
    code = CONTRACT.format(provider="Sound").replace("def test", "async def test")
    said = run(tmp_path, code, "-o", "asyncio_mode=auto")
    assert "call it in a plain `def` test" in said


def test_other_projects_notice_nothing_of_it(tmp_path: Path) -> None:
    code = f"""
import sys

def test_nothing_was_imported():
    assert not [name for name in {HEAVY!r} if name in sys.modules]
"""
    assert "1 passed" in run(tmp_path, code, "-W", "error", "-p", "no:asyncio")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    said = run(tmp_path, CONTRACT.format(provider="Sound"), "-p", "no:polystack")
    assert "fixture 'provider_check' not found" in said


def test_a_task_that_never_ends_does_not_hold_the_run_up(tmp_path: Path) -> None:
    code = CONTRACT.format(provider="NeverLetsGo").replace("Go()", "Go(), patience=0.2")
    said = run(tmp_path, code, "-k", "cancelling")
    assert "cancelling a reader before its first event did not end it" in said
    assert "1 failed" in said
