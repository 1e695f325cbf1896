"""A process and its children, on one core or free: started, measured from /proc, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A program in a session of its own, so that its children can be ended with it."""

    def __init__(
        self,
        command: list[str],
        core: int | None,
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        cores = os.sched_getaffinity(0) if core is None else {core}
        self.log = log
        outer = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.begun = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**outer, **(env or {})},
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def cpu(self) -> float:
        """Seconds of user and system time that the tree has used."""
        ticks = 0
        for pid in self._tree():
            fields = _read(pid, "stat").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13]))
        return ticks / TICKS

    def thread_time(self) -> float:
        """The same of all threads that are alive, which is exact to the nanosecond."""
        tasks = [f"{pid}/task/{task.name}" for pid in self._tree() for task in _tasks(pid)]
        return sum(int((_read(task, "schedstat").split() or ["0"])[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """Resident megabytes of the tree."""
        lines = [line for pid in self._tree() for line in _read(pid, "status").splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def stop(self) -> None:
        for sign, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 8)):
            if self.ended:
                return
            os.killpg(self._process.pid, sign)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                continue

    def _tree(self) -> Iterator[int]:
        pids = [self._process.pid]
        while pids:
            pid = pids.pop()
            yield pid
            for task in _tasks(pid):
                pids += [int(child) for child in _read(pid, f"task/{task.name}/children").split()]


def _tasks(pid: int) -> Iterator[Path]:
    return Path(f"/proc/{pid}/task").glob("*")


def _read(pid: int | str, name: str) -> str:
    """A file of a process, and nothing for one that has just ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return " ) " + "0 " * 20 if name == "stat" else ""
