"""The operating system's side of a child: started, listened to, ended and reaped.

One thread starts the child and stays with it to its end, since Linux means that thread when it
says that a parent has died.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
import sys
import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

LINES = 60  # of the child's last words that are kept


class Process:
    """`ended` is done, with how it ended, once the child is gone and reaped."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.pid = 0
        self.lines: deque[str] = deque(maxlen=LINES)
        self._command = command
        self._popen: subprocess.Popen[str]
        loop = asyncio.get_running_loop()
        self._started: Future[None] = loop.create_future()
        self.ended: Future[str] = loop.create_future()

    async def start(self) -> socket.socket:
        """Start it, and give this end of the socket whose other end it has; raises `OSError`."""
        ours, theirs = socket.socketpair()
        run = threading.Thread(
            target=self._run,
            args=(asyncio.get_running_loop(), theirs),
            name=f"process {self.name}",
            daemon=True,
        )
        run.start()
        try:
            await asyncio.shield(self._started)
        except BaseException:
            ours.close()
            raise
        return ours

    def kill(self) -> None:
        """At once; nothing that native code does can prevent it."""
        if self.pid:
            self._popen.kill()

    # The thread ----------------------------------------------------------------------------------

    def _run(self, loop: AbstractEventLoop, theirs: socket.socket) -> None:
        try:
            with theirs:
                self._popen = self._spawned(theirs.fileno())
        except OSError as error:
            _tell(loop, self._started.set_exception, error)
            return
        self.pid = self._popen.pid
        _tell(loop, self._started.set_result, None)
        with self._popen as child:
            for line in child.stdout or ():
                self._heard(line.rstrip())
        _tell(loop, self.ended.set_result, how(child.returncode))

    def _spawned(self, fd: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, str(fd)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[fd],
            encoding="utf-8",
            errors="replace",
        )

    def _heard(self, line: str) -> None:
        if line:
            self.lines.append(line)
            log.info("%s: %s", self.name, line)


def python(module: str) -> list[str]:
    """A command that runs a module, without taking one from the folder that it runs in."""
    return [sys.executable, "-P", "-m", module]


def how(code: int) -> str:
    """An exit code in words: `by SIGSEGV`, `with code 3`."""
    if code >= 0:
        return f"with code {code}"
    with suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"


def _tell(loop: AbstractEventLoop, tell: Any, what: object) -> None:
    with suppress(RuntimeError):  # the loop is over, and nobody is left to be told
        loop.call_soon_threadsafe(tell, what)
