"""`scripts/walk` reads the README as a newcomer does, and is hard to please."""

from __future__ import annotations

from pathlib import Path

import pytest
from walking.__main__ import SECTION
from walking.reading import difference, steps
from walking.terminal import Failed, Terminal

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = """\
# A thing

## First

Type `apt-get install y`.

```console
$ one && \\
    two
said 1
said 2

$ three
```

It answers:

```
three's
answer
```

With a package (`pip install a b`):

```python
print(1)
```

## Second

```console
$ four
```
"""


def test_a_section_becomes_what_to_type_and_what_to_expect() -> None:
    one, three, python = steps(PAGE, "First")
    assert (one.line, one.command, one.expected) == (8, "one && \\\n    two", "said 1\nsaid 2\n\n")
    assert (three.command, three.expected) == ("three", "three's\nanswer")
    assert (python.python, python.command, python.needs) == (True, "print(1)\n", "a b")
    assert [step.command for step in steps(PAGE, "Second")] == ["four"]


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (PAGE, "the section 'Third' has nothing to type"),
        ("## Third\n```console\nls\n```\n", "README.md:3: a console begins with a command"),
        ("## Third\n```ruby\n1\n```\n", "README.md:3: nobody knows how to type 'ruby'"),
        ("## Third\n```\nsaid\n```\n", "README.md:3: nobody knows how to type ''"),
    ],
)
def test_what_nobody_can_type_is_an_error(page: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        steps(page, "Third")


def test_the_readme_is_walked_from_the_clone_to_the_sdks() -> None:
    found = steps(README, SECTION)
    commands = [step.command.split()[0] for step in found]
    assert commands[:2] == ["git", "scripts/run"]
    assert commands.count("curl") == 3
    assert [step.needs for step in found if step.python] == ["anthropic openai", ""]
    assert all(step.expected for step in found[1:5]), "the server's greeting and three answers"


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("", "whatever"),
        ('{"a": 1,\n"b": 2}', '{"a":1,"b":2}\n'),
        ('{"id": "msg_' + "a" * 32 + '", …', '{"id":"msg_' + "0" * 32 + '","x":1}'),
        ('{"created":1,"completed_at":2}', '{"created":17,"completed_at":18}'),
        ("one … three\n…\nfive", "one two three four five"),
        ("…b", "a b"),
    ],
)
def test_ids_times_and_what_is_left_out_make_no_difference(expected: str, said: str) -> None:
    assert difference(expected, said) is None


@pytest.mark.parametrize(
    ("expected", "said", "lacking"),
    [
        ("hello", "Hello", "hello"),
        ("one", "one two", "one at the end"),
        ("two", "one two", "two"),
        ("one … three", "one two", "three"),
        ("one … two … three", "one three two", "three"),
        ('{"output":[{"type":…', '{"output":[{"id":1,"type":2}]}', '{"output":[{"type":'),
        ("anything", "", "anything"),
    ],
)
def test_what_the_readme_shows_and_nobody_said_is_told(
    expected: str, said: str, lacking: str
) -> None:
    assert difference(expected, said) == lacking


def test_a_terminal_stays_where_a_command_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the one who runs this")
    terminal = Terminal(tmp_path)
    assert terminal.run("mkdir x && cd x") == ""
    assert terminal.run('pwd; echo "${OPENAI_API_KEY:-}"') == f"{tmp_path}/x\n\n"
    with pytest.raises(Failed, match="it ended with 3\nsaid"):
        terminal.run("echo said; exit 3")


def test_a_server_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    stubborn = "import time\ntry:\n  print('up', flush=True)\n  time.sleep(600)\nexcept {}: pass"
    (tmp_path / "server.py").write_text(stubborn.format("KeyboardInterrupt"))
    server = Terminal(tmp_path).start("python3 server.py")
    assert server.wait(lambda said: "up" in said) == "up\n"
    server.stop()
    server = Terminal(tmp_path).start("sh -c 'echo no >&2; exit 4'")
    with pytest.raises(Failed, match="it ended with 4\nno"):
        server.wait(lambda said: "up" in said)
