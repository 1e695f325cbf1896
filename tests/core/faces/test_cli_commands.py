"""Commands that plugins add to `stack`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugin_packages import install

from polystack.core.faces.cli import main

GREET = '''
"""Greets people."""
import typer
from polystack.core import hookimpl

def greet(name: str, loud: bool = False) -> None:
    """Greets one person."""
    print(f"Hello, {name}{'!' if loud else '.'}")

app = typer.Typer()

@app.command()
def add(text: str) -> None:
    print(f"added {text}")

@hookimpl
def register_commands(register):
    register("greet", greet)
    register("notes", app)
'''
ENTRIES = "command.greet = greeting\ncommand.notes = greeting"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("greeting", "broken"):
        sys.modules.pop(name, None)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stack(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: str) -> tuple[int, str, str]:
        code = main(args)
        return code, *capsys.readouterr()

    return run


def test_a_function_is_a_command_with_its_parameters(site: Path, stack: Run) -> None:
    install(site, "greeting", ENTRIES, GREET)
    assert stack("greet", "Ann", "--loud") == (0, "Hello, Ann!\n", "")
    code, out, _ = stack("greet", "--help")
    assert code == 0
    assert "Usage: stack greet [OPTIONS]" in out
    assert "--loud" in out
    assert "Greets one person." in out


def test_a_typer_app_is_a_group_of_commands(site: Path, stack: Run) -> None:
    install(site, "greeting", ENTRIES, GREET)
    assert stack("notes", "add", "milk") == (0, "added milk\n", "")


def test_a_usage_error_names_the_command(site: Path, stack: Run) -> None:
    install(site, "greeting", ENTRIES, GREET)
    code, _, error = stack("greet")
    assert code == 2
    assert "Missing argument 'name'" in error


def test_help_lists_the_commands_of_plugins_and_imports_none(site: Path, stack: Run) -> None:
    install(site, "greeting", ENTRIES, GREET + "raise SystemExit('imported')")
    code, out, _ = stack("--help")
    assert code == 0
    assert "  greet    Greets people." in out
    assert "greeting" not in sys.modules
    assert "greet " in stack("list", "commands")[1]


def test_running_one_command_imports_no_other_plugin(site: Path, stack: Run) -> None:
    install(site, "broken", "command.broken = broken", "raise RuntimeError('two\\nlines')")
    install(site, "greeting", ENTRIES, GREET)
    assert stack("greet", "Ann")[0] == 0
    assert stack("version")[0] == 0
    assert "broken" not in sys.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('two\\nlines')", "cannot be loaded: RuntimeError: two lines"),
        ("", "registered nothing, but not 'broken'"),
        (
            GREET.replace('"greet", greet', '"broken", dict'),
            "cannot be made a command: ValueError: no signature found",
        ),
    ],
)
def test_a_broken_command_is_one_line_that_names_its_package(
    source: str, said: str, site: Path, stack: Run
) -> None:
    install(site, "broken", "command.broken = broken", source)
    code, out, error = stack("broken")
    assert (code, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("stack: error: plugin 'command.broken' (broken, from broken 1.0) ")
    assert said in line
    assert stack("--help")[0] == 0


def test_a_plugin_takes_no_builtin_command_away(site: Path, stack: Run) -> None:
    install(site, "broken", "command.version = broken", "1/0")
    code, out, _ = stack("version")
    assert (code, out.split()[0]) == (0, "polystack")
    assert stack("--help")[1].count("  version ") == 1
