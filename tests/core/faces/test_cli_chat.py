"""`stack chat`: lines in, answers out, and a conversation that goes on."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polystack.core.faces import cli

SOURCE = """\
version: 1
name: talk
apis: [chat]
providers:
  demo:
    type: scripted
    config:
      answers:
        - {when: {text: who}, parts: [{text: "turn {{n}}, after {{user}}"}]}
        - {when: {text: think}, parts: [{reasoning: Hm.}, {text: Well.}]}
        - {when: {text: broken}, error: {kind: overloaded, message: too busy}}
        - {when: {text: midway}, parts: [{text: half}], fail: {kind: upstream, message: gone}}
        - {when: {text: later, turn: 2}, parts: [{text: second turn}]}
        - {when: {text: later}, parts: [{text: first turn}]}
        - {when: {system: Rhyme}, parts: [{text: in rhyme}]}
        - {when: {text: hang}, parts: [{text: on and}], hang: true}
        - {parts: [{text: [Hel, lo]}]}
models: {m: {provider: demo}}
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "talk.yaml"
    path.write_text(SOURCE)
    return str(path)


def talk(
    source: str,
    said: str,
    *args: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    code = cli.main(["chat", "m", "--from", source, *args])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("hi\n", "Hello\n"),
        ("\n  \nhi", "Hello\n"),
        ("think\n", "Well.\n"),
        ("later\nlater\n", "first turn\nsecond turn\n"),
        ("later\n/new\nlater\n", "first turn\nfirst turn\n"),
        ("hi\n/quit\nhi\n", "Hello\n"),
    ],
)
def test_each_line_is_answered_in_its_conversation(
    source: str,
    said: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = talk(source, said, monkeypatch=monkeypatch, capsys=capsys)
    assert found == (0, shown, "")


def test_the_model_is_told_something_beforehand(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = talk(source, "x\n", "--system", "Rhyme!", monkeypatch=monkeypatch, capsys=capsys)
    assert found == (0, "in rhyme\n", "")


@pytest.mark.parametrize(
    ("said", "shown", "problem"),
    [("broken\n", "\n", "too busy"), ("midway\n", "half\n", "gone")],
)
def test_a_failure_is_one_line_and_the_exit_code(
    source: str,
    said: str,
    shown: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = talk(source, said, monkeypatch=monkeypatch, capsys=capsys)
    assert found == (1, shown, f"stack: error: {problem}\n")


def test_a_question_that_failed_is_no_part_of_the_conversation(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, _ = talk(source, "broken\nlater\n", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, shown) == (0, "\nfirst turn\n")


def test_a_model_must_be_named_where_there_is_no_default(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["chat", "--from", source]) == 2
    assert "name a model to talk to" in capsys.readouterr().err


def test_in_a_terminal_ctrl_c_ends_the_answer_and_not_the_conversation(source: str) -> None:
    leader, follower = pty.openpty()
    stack = Path(sys.executable).with_name("stack")
    command = [str(stack), "chat", "m", "--from", source]
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    ) as process:
        os.close(follower)
        seen = read_until(leader, b"> ")
        assert b"Ask away" in seen
        os.write(leader, b"hang\n")
        read_until(leader, b"on and")
        os.kill(process.pid, signal.SIGINT)
        read_until(leader, b"> ")
        os.write(leader, b"hi\n")
        seen = read_until(leader, b"> ")
        assert b"Hello" in seen
        assert b"first word after" in seen
        os.write(leader, b"/quit\n")
        assert process.wait(20) == 0
    os.close(leader)


def read_until(terminal: int, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        seen += os.read(terminal, 4096)
    return seen
