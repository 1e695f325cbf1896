"""`stack models`, `stack load` and `stack unload`, against a stack that runs."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from keeping import kept

from polystack.core.faces import cli
from polystack.core.faces.cli import managing

Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with kept() as url:
        yield url


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The exit code of a command, and what it says on either side."""

    def one(*args: str) -> tuple[int, str, str]:
        code = cli.main(list(args))
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


def test_a_table_shows_what_is_in_memory_and_how_it_does(run: Run, url: str) -> None:
    run("unload", "small", "--url", url)
    code, out, err = run("models", "--url", url)
    assert (code, err) == (0, "")
    cells = [[cell.strip() for cell in line.split("  ") if cell] for line in out.splitlines()]
    assert cells[0][:4] == ["MODEL", "PROVIDER", "STATE", "SIZE"]
    here, there = "here (keeper)", "there (scripted)"
    assert cells[1] == ["small, main", here, "unloaded", "(3.0 GiB)", "0 of 4", "0", "25%"]
    assert cells[2] == ["busy", here, "loaded, pinned", "3.0 GiB", "1 of 4", "0", "25%", "12"]
    assert cells[4] == ["scripted", there, "elsewhere"]


def test_json_has_all_that_the_server_says(run: Run, url: str) -> None:
    code, out, _ = run("models", "--url", url, "--json")
    assert code == 0
    models = {model["name"]: model for model in json.loads(out)}
    assert models["here/busy"]["size"] == 3 << 30
    assert "state" not in models["there/scripted"]


def test_a_model_is_loaded_and_let_go_by_any_of_its_names(run: Run, url: str) -> None:
    said = run("load", "main", "--url", url)
    assert said == (0, "here/small is loaded and takes 3.0 GiB\n", "")
    row = run("models", "--url", url)[1].splitlines()[1]
    assert row.split()[:5] == ["small,", "main", "here", "(keeper)", "loaded"]
    assert run("unload", "here/small", "--url", f"{url}/")[1] == "here/small is unloaded\n"
    code, out, _ = run("load", "small", "--url", url, "--json")
    assert (code, json.loads(out)["state"]) == (0, "loaded")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["load", "smal"], "did you mean 'small'"),
        (["load", "a b/ü?"], "model 'a b/ü?' is not served here"),
        (["load", "scripted"], "keeps no model in this process"),
        (["load", "large"], "no room for it now"),
        (["unload", "busy"], "busy is busy"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, url: str, args: list[str], said: str) -> None:
    code, out, err = run(*args, "--url", url)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_where_nothing_runs_it_says_how_to_find_what_does(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(managing, "usual", lambda: f"http://127.0.0.1:{port}")
    code, _, err = run("models")
    assert code == 2
    assert err.count("\n") == 1
    assert "start it with `stack run`, or give its URL with --url" in err


def test_the_usual_place_is_where_a_stack_listens_by_default() -> None:
    assert managing.usual() == "http://127.0.0.1:8321"


def test_a_key_comes_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with kept(server={"api_keys": ["open"]}) as url:
        monkeypatch.delenv("STACK_API_KEY", raising=False)
        assert "wants a key; set STACK_API_KEY" in run("models", "--url", url)[2]
        monkeypatch.setenv("STACK_API_KEY", "wrong")
        assert "does not take the key" in run("load", "small", "--url", url)[2]
        monkeypatch.setenv("STACK_API_KEY", "open")
        assert run("load", "small", "--url", url)[0] == 0
