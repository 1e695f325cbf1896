"""A terminal: commands one after another in a folder, and a server that goes on running."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 900.0  # seconds for one command; compiling the engine is the longest
HIDDEN = ("PYTHONPATH", "VIRTUAL_ENV", "OPENAI_", "ANTHROPIC_", "STACK_", "POLYSTACK_")


class Failed(Exception):
    """A command did not do what it says."""


class Terminal:
    """What a newcomer's shell has: the folder it stands in, and nobody's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._logs = folder
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(HIDDEN)}
        self._environment["POLYSTACK_HOME"] = str(folder / ".polystack")

    def run(self, command: str) -> str:
        """What the command prints; it may leave the terminal in another folder."""
        with tempfile.NamedTemporaryFile("r") as place:
            done = subprocess.run(
                ["/bin/sh", "-c", f'set -e\n{command}\npwd >"$0"', place.name],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            if done.returncode:
                raise Failed(f"it ended with {done.returncode}\n{done.stdout}{done.stderr}")
            self.folder = Path(place.read().rstrip("\n"))
        return done.stdout

    def start(self, command: str) -> Server:
        return Server(command, self.folder, self._environment, self._logs)


class Server:
    """A command that does not end by itself."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str], logs: Path) -> None:
        self._output, self._errors = logs / "server.out", logs / "server.err"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,  # as a terminal would have it: Ctrl-C reaches it alone
            )

    def wait(self, ready: Callable[[str], bool]) -> str:
        """What it has printed, once that looks like being ready."""
        deadline = time.monotonic() + PATIENCE
        while not ready(said := self._output.read_text()):
            if self._process.poll() is not None:
                raise self._failed(f"it ended with {self._process.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(f"it was not ready in {PATIENCE:g} s")
            time.sleep(0.1)
        return said

    def stop(self) -> None:
        """Ctrl-C, which is a proper end."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            code = self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise self._failed("Ctrl-C did not stop it") from None
        if code:
            raise self._failed(f"it ended with {code}")

    def _failed(self, what: str) -> Failed:
        return Failed(f"{what}\n{self._output.read_text()}{self._errors.read_text()}")
