"""`stack new provider`: what it writes, and what it refuses."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from polystack.core.faces.cli import main

New = Callable[..., tuple[int, str, str]]


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> New:
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["new", "provider", *args])
        return code, *capsys.readouterr()

    return run


def test_it_says_what_it_wrote_and_what_comes_next(new: New, tmp_path: Path) -> None:
    assert new("my-own") == (
        0,
        "wrote my-own: README.md, my_own.py, my_own.yaml, pyproject.toml, test_my_own.py\n"
        "\n"
        "  pip install './my-own[test]'\n"
        "  pytest my-own\n"
        "  stack run my-own/my_own.yaml\n",
        "",
    )
    assert {path.name for path in (tmp_path / "my-own").iterdir()} == {
        "README.md", "my_own.py", "my_own.yaml", "pyproject.toml", "test_my_own.py"
    }  # fmt: skip


def test_every_name_in_it_is_the_given_one(new: New, tmp_path: Path) -> None:
    new("my-own")
    project = tomllib.loads((tmp_path / "my-own" / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["polystack"] == {"provider.my-own": "my_own"}
    source = (tmp_path / "my-own" / "my_own.py").read_text()
    assert "class MyOwnProvider(Provider):" in source
    assert 'type = "my-own"' in source
    for path in (tmp_path / "my-own").iterdir():
        assert "${" not in path.read_text()


def test_another_folder_may_be_named(new: New, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    code, out, _ = new("x", "--into", "elsewhere")
    assert code == 0
    assert "pip install './elsewhere/x[test]'" in out
    assert (tmp_path / "elsewhere" / "x" / "x.py").is_file()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("My",), "'My' is no name for a provider; it is made of lower-case letters, digits and "),
        (("1st",), "'1st' is no name for a provider"),
        (("a/b",), "'a/b' is no name for a provider"),
        (("../x",), "'../x' is no name for a provider"),
        (("a--b",), "'a--b' is no name for a provider"),
        (("vllm",), "a provider 'vllm' is installed already, from polystack "),
        (("class",), "'class' means something to Python already; choose another name, as my-class"),
        (("json",), "'json' means something to Python already"),
        (("pydantic",), "'pydantic' means something to Python already"),
        (("x", "--into", "nowhere"), "--into: nowhere is no folder; make it first"),
        (("there",), "there exists already; choose another name, or remove it"),
    ],
)
def test_what_it_cannot_write_is_one_line_and_nothing_is_written(
    new: New, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there").touch()
    code, out, error = new(*args)
    assert (code, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith(f"stack: error: {said}")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
