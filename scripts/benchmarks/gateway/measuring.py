"""One gateway under one load: what came back, how fast, and what it cost."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import answers, requests
from .cases import PACE_US, PATHS, Case
from .processes import Process
from .systems import System

PATIENCE = 120  # seconds that a gateway has for its start
ENDS = {"chat": "[DONE]", "messages": "message_stop", "responses": "response.completed"}

Sample = dict[str, Any]


class Refused(Exception):
    """A gateway that does not start, or does not do what a case is about."""


@dataclass(frozen=True)
class Bench:
    """Where everything stands: the compiled tools, the cores, the mock."""

    work: Path
    worker_core: int
    load_core: int
    upstream: int = 0

    def start_mock(self) -> Process:
        directory = self.work / "answers"
        directory.mkdir()
        answers.write(directory)
        command = [str(self.work / "mock"), str(self.upstream), str(PACE_US), str(directory)]
        mock = Process(command, self.load_core, self.work / "mock.log")
        _until_open(mock, self.upstream)
        return mock


class Running:
    """A gateway that serves; `process` is None for no gateway at all."""

    def __init__(self, bench: Bench, system: System) -> None:
        self.bench = bench
        self.system = system
        self.process: Process | None = None
        self.port = bench.upstream
        self.cold_start = 0.0

    def start(self, first: Case) -> None:
        work = self.bench.work / self.system.name.replace(" ", "-")
        work.mkdir(exist_ok=True)
        port = free_port()
        launch = self.system.launch(work, port, self.bench.upstream)
        if launch is None:
            return
        self.port = port
        log = work / "output.log"
        self.process = Process(launch.command, self.bench.worker_core, log, launch.env)
        self.cold_start = self._first_answer(self.process, first)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _first_answer(self, process: Process, case: Case) -> float:
        error: object = "no answer"
        while not process.ended and time.monotonic() - process.begun < PATIENCE:
            try:
                self._ask(case)
                return time.monotonic() - process.begun
            except (OSError, Refused) as caught:
                error = caught
            time.sleep(0.01)
        process.stop()
        raise Refused(f"did not start: {error}\n{process.log.read_text()[-600:]}")

    def check(self, case: Case) -> bool:
        """Whether the upstream's text arrives.

        Raises `Refused` where the answer has no end, or came by another route.
        """
        answer = self._ask(case)
        if case.streamed and ENDS[case.client] not in answer:
            raise Refused(f"no terminal: …{answer[-200:]}")
        with urllib.request.urlopen(f"http://127.0.0.1:{self.bench.upstream}/last") as last:
            asked = json.load(last)
        if asked != self.system.reaches(case):
            raise Refused(f"asks the upstream at {asked}, not {self.system.reaches(case)}")
        return case.shape == "paced" or all(word in answer for word in answers.WORDS)

    def _ask(self, case: Case) -> str:
        headers = {"Content-Type": "application/json", **self._headers(case)}
        url = f"http://127.0.0.1:{self.port}{PATHS[case.client]}"
        request = urllib.request.Request(url, self._body(case), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode()[:300]}") from None

    def load(self, case: Case, connections: int, seconds: float) -> Sample:
        file = self.bench.work / "request.http"
        path = PATHS[case.client]
        file.write_bytes(requests.http(path, self._headers(case), self._body(case)))
        command = [str(self.bench.work / "load"), str(self.port), str(file), str(connections)]
        command += [str(case.warmup), str(seconds), str(case.events)]
        before = self.process.cpu() if self.process else 0.0
        done = subprocess.run(
            ["taskset", "-c", str(self.bench.load_core), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr.strip())
        sample: Sample = json.loads(done.stdout)
        if self.process:
            cpu = self.process.cpu() - before
            sample["cpu_us"] = cpu * 1e6 / max(sample["requests"], 1)
            sample["memory"] = self.process.memory()
        return sample

    def _body(self, case: Case) -> bytes:
        return requests.body(case.client, case.size, self.system.model(case), case.streamed)

    def _headers(self, case: Case) -> dict[str, str]:
        version = {"anthropic-version": "2023-06-01"} if case.client == "messages" else {}
        return {**version, **self.system.headers}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_open(process: Process, port: int) -> None:
    while not process.ended:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise Refused(process.log.read_text())
