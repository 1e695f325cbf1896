"""`stack doctor`: every plugin by name, and checks that may crash without taking it along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_packages import PROVIDER, install, plugins_at

from polystack.core.faces.cli.doctor import Finding, examine, report, run_check

PROBE = """
    @classmethod
    def probe(cls):
        return {arguments!r}

    async def models"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path
    sys.modules.pop("acme", None)


def check(site: Path, code: str, timeout: float = 30) -> Finding:
    (site / "probing.py").write_text(f"import json, os, sys, time\n{code}\n")
    return run_check("provider.x", ["probing"], timeout)


def findings(site: Path) -> list[Finding]:
    return [f for f in examine(plugins_at(site)) if f.status != "info"]


def test_a_check_that_passes_shows_its_facts(site: Path) -> None:
    found = check(site, "print(json.dumps({'ok': True, 'engine': '1.2', 'tokens': 64}))")
    assert found == Finding("ok", "provider.x", "its check passed (engine 1.2, tokens 64)")


def test_a_check_that_fails_says_why(site: Path) -> None:
    found = check(site, "print(json.dumps({'ok': False, 'error': 'no', 'remedy': 'do'})); exit(1)")
    assert found == Finding("broken", "provider.x", "no", "do")


def test_an_engine_that_is_not_installed_is_no_failure(site: Path) -> None:
    said = "{'ok': False, 'missing': True, 'error': 'not installed', 'remedy': 'pip install x'}"
    found = check(site, f"print(json.dumps({said})); exit(1)")
    assert found == Finding("missing", "provider.x", "not installed", "pip install x")


@pytest.mark.parametrize("number", [4, 6, 11])
def test_a_check_that_is_killed_gets_the_remedy(site: Path, number: int) -> None:
    found = check(site, f"os.kill(os.getpid(), {number})")
    assert found.status == "broken"
    assert found.message.startswith("its check was killed by SIG")
    assert "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16" in found.remedy


def test_a_remedy_printed_before_the_crash_counts(site: Path) -> None:
    found = check(site, "print(json.dumps({'remedy': 'x'}), flush=True); os.kill(os.getpid(), 11)")
    assert found == Finding("broken", "provider.x", "its check was killed by SIGSEGV", "x")


def test_a_check_that_hangs_is_ended(site: Path) -> None:
    found = check(site, "time.sleep(60)", timeout=0.5)
    assert found == Finding("broken", "provider.x", "its check did not end within 0.5 s")


def test_a_check_that_says_ok_and_then_fails_has_failed(site: Path) -> None:
    found = check(site, "print(json.dumps({'ok': True}), flush=True); sys.exit('late trouble')")
    assert found == Finding("broken", "provider.x", "late trouble")


def test_a_check_that_prints_nonsense_is_judged_by_its_end(site: Path) -> None:
    assert check(site, "print('{}[')").status == "ok"
    assert check(site, "print('[1]'); exit(3)").message == "its check ended with 3"


def test_the_checks_of_providers_are_run(site: Path) -> None:
    (site / "probing.py").write_text('import sys\nprint(\'{"ok": true, "args": 1}\')')
    source = PROVIDER.replace("\n    async def models", PROBE.format(arguments=["probing"]))
    install(site, "acme", "provider.quiet = acme", source)
    assert findings(site) == [Finding("ok", "provider.quiet", "its check passed (args 1)")]


def test_a_provider_without_a_check_is_well_when_it_loads(site: Path) -> None:
    install(site, "acme", "provider.quiet = acme", PROVIDER)
    assert findings(site) == [Finding("ok", "provider.quiet", "acme 1.0")]


def test_plugins_that_fail_are_named_and_stop_nothing(site: Path) -> None:
    entry_points = "provider.bad = missing_module\nprovider.quiet = acme\nnameless = acme"
    install(site, "acme", entry_points, PROVIDER)
    broken, bad, good = findings(site)
    assert "'nameless' of acme 1.0 is not named kind.type" in broken.message
    assert bad.status == "broken"
    assert "plugin 'provider.bad' (missing_module, from acme 1.0) cannot be loaded" in bad.message
    assert good.status == "ok"


def test_a_probe_that_raises_is_the_fault_of_its_plugin(site: Path) -> None:
    probe = PROBE.format(arguments=[]).replace("return []", "1 / 0")
    source = PROVIDER.replace("\n    async def models", probe)
    install(site, "acme", "provider.quiet = acme", source)
    (found,) = findings(site)
    assert found.status == "broken"
    assert "ZeroDivisionError" in found.message


def test_the_machine_and_the_packages_are_told(site: Path) -> None:
    told = {f.subject: f.message for f in examine(plugins_at(site)) if f.status == "info"}
    assert sys.executable in told["python"]
    assert "polystack 0." in told["packages"]
    assert "pluggy 1." in told["packages"]
    assert "pytest" not in told["packages"]


def test_a_report_has_the_remedy_on_a_line_of_its_own() -> None:
    assert report(Finding("broken", "provider.x", "no", "do")) == (
        "broken  provider.x: no\n        remedy: do"
    )
