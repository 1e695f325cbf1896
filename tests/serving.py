"""A stack under test: `stack run` as a user runs it, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STACK = Path(sys.executable).with_name("stack")


@contextmanager
def serving(source: str | Path, *args: str, stack: Path = STACK) -> Iterator[str]:
    """The URL of a stack that serves this distribution until the block is left."""
    with served(source, *args, stack=stack) as (url, _):
        yield url


@contextmanager
def served(source: str | Path, *args: str, stack: Path = STACK) -> Iterator[tuple[str, int]]:
    """The same, and the id of its process."""
    command = [str(stack), "run", str(source), "--port", "0", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                if found := re.search(rb"http://[^\s/]+", line):
                    yield found[0].decode(), process.pid
                    break
            else:
                raise AssertionError(process.stderr.read().decode())
        finally:
            process.terminate()
            _, said = process.communicate(timeout=40)
    # A signal is how a server is asked to end, and no failure.
    last = said.decode("utf-8", "replace")[-2000:]
    assert process.returncode == 0, f"stack run ended with {process.returncode}: {last}"
