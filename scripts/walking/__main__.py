"""Type what the README says, in a fresh clone, and compare what comes with what it shows.

Literal but for three things: `<this repository>` is the repository that this script is in, a
command with `/path/to/` is left out since it is about a file of the reader's own, and `--port` is
for machines where the README's port is taken. The clone has what is committed, and nothing else.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .reading import Step, difference, steps
from .terminal import Failed, Server, Terminal

ROOT = Path(__file__).parents[2]
SECTION = "Five minutes"
SERVER = "scripts/run"  # the one command that goes on running
PORT = "8321"


class Walk:
    def __init__(self, folder: Path) -> None:
        self._terminal = Terminal(folder)
        self._servers: list[Server] = []

    def take(self, step: Step) -> None:
        """Raises `Failed` where the README promises too much."""
        said = self._said(step)
        lacking = difference(step.expected, said)
        if lacking is not None:
            raise Failed(f"the README shows\n  {lacking}\nand what came was\n{said}")
        if step.python and not said.strip():
            raise Failed("it printed nothing")

    def _said(self, step: Step) -> str:
        if step.python:
            return self._python(step)
        if step.command.startswith(SERVER):
            return self._serve(step)
        command = step.command.replace("<this repository>", shlex.quote(str(ROOT)))
        return self._terminal.run(command)

    def _python(self, step: Step) -> str:
        if step.needs:
            self._terminal.run(f".venv/bin/pip install --quiet {step.needs}")
        program = self._terminal.folder / "program.py"
        program.write_text(step.command)
        return self._terminal.run(f".venv/bin/python {program.name}")

    def _serve(self, step: Step) -> str:
        server = self._terminal.start(step.command)
        self._servers.append(server)
        last = step.expected.rstrip().rpartition("\n")[2]
        return server.wait(lambda said: last in said)

    def end(self) -> None:
        while self._servers:
            self._servers.pop().stop()


def walk(todo: Sequence[Step], folder: Path) -> bool:
    """Take the steps, up to the first that fails."""
    way = Walk(folder)
    try:
        try:
            for step in todo:
                _tell(step)
                started = time.monotonic()
                way.take(step)
                print(f"    ok, {time.monotonic() - started:.1f} s", flush=True)
        finally:
            way.end()
    except Failed as failure:
        print(f"walk: this step failed: {failure}", file=sys.stderr)
        return False
    return True


def _tell(step: Step) -> None:
    lines = step.command.splitlines()
    shown = f"python: {len(lines)} lines" if step.python else f"$ {lines[0]}"
    print(f"README.md:{step.line}: {shown}", flush=True)


def _moved(step: Step, port: str) -> Step:
    command = step.command.replace(PORT, port)
    if command.startswith(SERVER):
        command += f" --port {port}"
    return replace(step, command=command, expected=step.expected.replace(PORT, port))


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/walk", description=__doc__)
    parser.add_argument("--port", default=PORT, help="serve here, and not at the README's port")
    port = parser.parse_args(args).port
    todo = steps((ROOT / "README.md").read_text(), SECTION)
    todo = [step for step in todo if "/path/to/" not in step.command]
    if port != PORT:
        todo = [_moved(step, port) for step in todo]
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        return 0 if walk(todo, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
