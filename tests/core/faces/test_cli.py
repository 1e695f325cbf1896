"""The command line as people and scripts meet it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from distribution_files import MINIMAL
from plugin_packages import PROVIDER, install

from polystack.core import ConfigError
from polystack.core.faces import cli, server
from polystack.core.runtime.config import Loaded

Done = subprocess.CompletedProcess[str]
Stack = Callable[..., Done]

TEMPLATES = sorted(p.stem for p in (Path(__file__).parents[3] / "distributions").glob("*.yaml"))
ENGINES = "llama_cpp mlx numpy jinja2 uvicorn starlette aiohttp".split()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Runs `stack`, with the packages of `site` installed beside ours."""
    (tmp_path / "site").mkdir()

    def one(*args: str, **env: str) -> Done:
        path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "polystack.core.faces.cli", *args],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "STACK_DEBUG": "", **env},
        )

    return one


@pytest.fixture
def site(tmp_path: Path, stack: Stack) -> Path:
    return tmp_path / "site"


def quiet(site: Path) -> Path:
    """A distribution of a third party's provider, which is installed."""
    install(site, "acme", "provider.quiet = acme", PROVIDER)
    path = site.parent / "demo.yaml"
    path.write_text(MINIMAL)
    return path


# -- help, usage, errors --------------------------------------------------------------------------


def test_help_names_the_commands(stack: Stack) -> None:
    done = stack("--help")
    assert done.returncode == 0
    for command in ("run", "list", "show", "check", "doctor", "version"):
        assert f"\n  {command} " in done.stdout


def test_help_imports_little(stack: Stack) -> None:
    done = stack("--help", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "polystack.core.faces.cli.app" in imported
    assert not imported & {"rich", "pydantic", "ruamel.yaml", "pluggy", "asyncio", *ENGINES}
    assert not [name for name in imported if name.startswith(("starlette", "uvicorn", "orjson"))]
    assert len(imported) < 300  # with those of the interpreter itself


@pytest.mark.parametrize("args", [["lst"], ["list"], ["list", "cats"], ["run"], ["run", "--port"]])
def test_wrong_usage_is_explained_and_exits_with_2(stack: Stack, args: list[str]) -> None:
    done = stack(*args)
    assert done.returncode == 2
    assert "Error: " in done.stderr or "Usage: " in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["run", "show", "check"])
def test_a_wrong_distribution_is_one_line_and_exits_with_2(stack: Stack, command: str) -> None:
    done = stack(command, "startr")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "stack: error: startr: no such file, and no template of this name; "
        f"did you mean 'starter'? templates: {', '.join(TEMPLATES)}\n"
    )


def test_a_fault_in_a_file_is_shown_with_its_place(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nname: &n [*n]\n")
    done = stack("check", "bad.yaml")
    assert done.returncode == 2
    assert done.stderr == (
        "stack: error: bad.yaml:2:11: the alias *n stands within what it stands for\n"
    )


@pytest.mark.parametrize("how", ["option", "environment"])
def test_tracebacks_are_shown_to_those_who_ask(stack: Stack, how: str) -> None:
    done = (
        stack("--debug", "check", "x") if how == "option" else stack("check", "x", STACK_DEBUG="1")
    )
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stack: error: x: no such file")


def test_an_error_of_ours_is_one_line_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(loaded: object, plugins: object) -> int:
        raise RuntimeError("a bug\nin two lines")

    monkeypatch.setattr(server, "serve", fail)
    assert cli.main(["run", "scripted"]) == 1
    assert capsys.readouterr().err == (
        "stack: error: RuntimeError: a bug in two lines (--debug shows where)\n"
    )


def test_a_reader_that_leaves_early_gets_no_complaint(stack: Stack) -> None:
    command = [sys.executable, "-m", "polystack.core.faces.cli", "list", "apis"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.stderr == b""


# -- run ------------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Loaded]:
    """What `stack run` would have served."""
    calls: list[Loaded] = []

    def serve(loaded: Loaded, plugins: object) -> int:
        calls.append(loaded)
        return 7

    monkeypatch.setattr(server, "serve", serve)
    return calls


def test_run_serves_the_distribution_with_what_was_set(served: list[Loaded]) -> None:
    args = ["run", "scripted", "--host", "::1", "--port", "0", "--set", "name=mine"]
    assert cli.main([*args, "--set", "aliases={}"]) == 7
    (loaded,) = served
    server = loaded.distribution.server
    assert (server.host, server.port, loaded.distribution.name) == ("::1", 0, "mine")
    assert loaded.distribution.aliases == {}


def test_a_wrong_port_names_its_override(
    served: list[Loaded], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "scripted", "--port", "99999"]) == 2
    assert "--set server.port: server.port: must be less than" in capsys.readouterr().err
    assert served == []


def test_what_fails_at_the_start_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(loaded: Loaded, plugins: object) -> int:
        raise ConfigError("server.port: 127.0.0.1:8321 is in use; choose another with --port")

    monkeypatch.setattr(server, "serve", busy)
    assert cli.main(["run", "scripted"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("stack: error: server.port: 127.0.0.1:8321 is in use")
    assert err.count("\n") == 1


# -- list -----------------------------------------------------------------------------------------


def test_list_shows_ours_and_theirs_with_a_summary(stack: Stack, site: Path) -> None:
    quiet(site)
    lines = stack("list", "providers").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PACKAGE", "VERSION", "SUMMARY"]
    table = [line.split(maxsplit=3) for line in lines]
    assert ["quiet", "acme", "1.0", "A provider that says nothing."] in table
    assert {"llamacpp", "scripted"} <= {row[0] for row in table}


def test_list_gives_json_to_scripts(stack: Stack, site: Path) -> None:
    quiet(site)
    rows = json.loads(stack("list", "providers", "--json").stdout)
    assert {
        "name": "quiet",
        "package": "acme",
        "version": "1.0",
        "summary": "A provider that says nothing.",
    } in rows


def test_the_shipped_templates_are_listed_with_their_descriptions(stack: Stack) -> None:
    rows = json.loads(stack("list", "distributions", "--json").stdout)
    assert [row["name"] for row in rows] == TEMPLATES
    said = "Scripted answers without a model, for demos and tests of clients"
    assert said in [row["summary"] for row in rows]


@pytest.mark.parametrize("source", ["raise SystemExit('imported')", "def broken(:", None])
def test_a_plugin_that_cannot_be_imported_is_listed(
    stack: Stack, site: Path, source: str | None
) -> None:
    install(site, "acme", "provider.quiet = acme", source)
    done = stack("list", "providers")
    assert done.returncode == 0
    assert ["quiet", "acme", "1.0", "About acme"] in [
        line.split(maxsplit=3) for line in done.stdout.splitlines()
    ]


def test_a_plugin_that_nobody_can_use_is_a_note(stack: Stack, site: Path) -> None:
    install(site, "acme", "nameless = acme", "")
    done = stack("list", "apis")
    assert done.returncode == 0
    assert "stack: note: entry point 'nameless' of acme 1.0 is not named kind.type" in done.stderr


IMPORTED = """
import sys
from polystack.core.faces.cli import main
code = main(sys.argv[1:])
print("imported:", *sorted(name for name in sys.modules))
sys.exit(code)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["list", "providers"],
        ["list", "apis"],
        ["list", "distributions"],
        ["check", "starter"],
        ["check", "scripted"],
        ["show", "starter"],
    ],
)
def test_looking_imports_no_engine(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.rpartition("imported:")[2].split())
    assert not modules & set(ENGINES)
    if args[0] == "list":
        assert not [name for name in modules if name.startswith("polystack.providers")]
        assert not [name for name in modules if name.startswith("polystack.apis")]


# -- check and show -------------------------------------------------------------------------------


def test_check_says_what_a_valid_distribution_amounts_to(stack: Stack, site: Path) -> None:
    quiet(site)
    done = stack("check", "demo.yaml")
    assert done.stderr == ""
    assert done.stdout == "demo.yaml is valid: 1 API, 1 provider, 1 model, 0 aliases\n"


def test_check_looks_into_the_options_of_providers(stack: Stack, site: Path) -> None:
    path = quiet(site)
    path.write_text(MINIMAL.replace("{type: quiet}", "{type: quiet, config: {pin: x}}"))
    done = stack("check", "demo.yaml")
    assert done.returncode == 2
    assert done.stderr == (
        "stack: error: demo.yaml:5:37: providers.here.config.pin: must be a whole number, not 'x'\n"
    )


def test_check_names_a_plugin_that_does_not_load(stack: Stack, site: Path) -> None:
    path = quiet(site)
    (site / "acme.py").write_text("import nothing_of_this_name")
    done = stack("check", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "stack: error: plugin 'provider.quiet' (acme, from acme 1.0) cannot be loaded: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    )


def test_notes_go_to_stderr(stack: Stack, site: Path) -> None:
    quiet(site)
    done = stack("check", "demo.yaml", "--set", "server.host=0.0.0.0")
    assert done.returncode == 0
    assert done.stderr.startswith("stack: note: anyone who reaches 0.0.0.0 may use this stack")


def test_show_prints_what_would_run_without_secrets(stack: Stack, site: Path) -> None:
    path = quiet(site)
    path.write_text(MINIMAL + "description: ${env.MINE}\nserver: {api_keys: [sk-hidden]}\n")
    done = stack("show", "demo.yaml", "--set", "server.port=9", MINE="from-env")
    assert done.returncode == 0, done.stderr
    assert "sk-hidden" not in done.stdout
    assert "from-env" not in done.stdout
    assert "  port: 9\n" in done.stdout
    assert "    config:\n      pin: 0\n" in done.stdout


def test_show_gives_json_to_scripts(stack: Stack, site: Path) -> None:
    quiet(site)
    shown = json.loads(stack("show", "demo.yaml", "--json").stdout)
    assert shown["providers"] == {"here": {"type": "quiet", "config": {"pin": 0}}}
    assert list(shown)[:2] == ["version", "name"]


def test_version_is_that_of_the_package(stack: Stack) -> None:
    assert stack("version").stdout.startswith("polystack 0.")
