"""One contestant that is up: its process, its port, and how it is asked."""

from __future__ import annotations

import time
from pathlib import Path

from ..gateway.measuring import free_port
from ..gateway.processes import Process
from . import client, inside
from .sample import Refused, Sample
from .setup import Setup
from .systems import Row, System

PATIENCE = 180  # seconds that a contestant has for its start


class Running:
    def __init__(self, system: System, setup: Setup, work: Path) -> None:
        self.system = system
        work.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        launch = system.launch(setup, work, self.port)
        self.process = Process(launch.command, None, work / "output.log", launch.env)
        try:
            self._wait()
        except BaseException:
            self.process.stop()
            raise

    def _wait(self) -> None:
        """Until every row has answered once."""
        error: object = "no answer"
        while not self.process.ended and time.monotonic() - self.process.begun < PATIENCE:
            try:
                for row in self.system.rows:
                    self.run(row, ["Say hello"], 2)
                return
            except (OSError, Refused) as caught:
                error = caught
                time.sleep(0.05)
        said = self.process.log.read_text(errors="replace")[-400:].strip()
        raise Refused(f"did not start: {error}\n{said}")

    def run(self, row: Row, prompts: list[str], tokens: int) -> Sample:
        if row.protocol is None:
            return inside.ask(self.port, prompts, tokens)
        model = self.system.model
        documents = [client.body(row.protocol, model, [text], tokens) for text in prompts]
        return Sample.of(*client.ask(self.port, row.protocol, documents))

    def memory(self) -> float:
        return self.process.memory()

    def stop(self) -> None:
        self.process.stop()
