"""The contestants: how each is started with a setup, and the rows that it has in the tables."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from . import ours
from .client import Protocol
from .rivals import Rivals
from .setup import BATCH, Setup

SCRIPTS = Path(__file__).parents[2]


@dataclass(frozen=True)
class Launch:
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A way to ask a contestant: over HTTP in a protocol, or in its process without one."""

    name: str
    protocol: Protocol | None = None


class System(ABC):
    name: ClassVar[str]
    slow: ClassVar[bool] = False
    """Too slow with several streams for as many rounds as the others have."""

    model: ClassVar[str] = ours.MODEL
    """The name by which a client asks for it."""

    @property
    def rows(self) -> Sequence[Row]:
        return [Row(self.name, "chat")]

    @abstractmethod
    def launch(self, setup: Setup, work: Path, port: int) -> Launch: ...


class Inside(System):
    """What runs in a process of `inside.py`."""

    kind: ClassVar[str]

    @property
    def rows(self) -> Sequence[Row]:
        return [Row(self.name)]

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        module = ["-m", "benchmarks.engine.inside", self.kind, str(port), setup.written()]
        return Launch([sys.executable, *module], {"PYTHONPATH": str(SCRIPTS)})


class Raw(Inside):
    name, kind = "raw loop", "raw"


class Worker(Inside):
    name, kind = "polystack, worker only", "worker"


class Library(Inside):
    name, kind = "polystack, in process", "stack"


class Polystack(System):
    name = "polystack"

    @property
    def rows(self) -> Sequence[Row]:
        protocols: tuple[Protocol, ...] = ("chat", "messages", "responses")
        return [Row(f"polystack, {protocol}", protocol) for protocol in protocols]

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        config = work / "bench.yaml"
        config.write_text(json.dumps(ours.distribution(setup, port)))  # JSON is YAML too
        stack = Path(sys.executable).with_name("stack")
        return Launch([str(stack), "run", str(config)])


@dataclass(frozen=True)
class Rival(System):
    rivals: Rivals


class LlamaServer(Rival):
    name = "llama-server"

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        sizes = ["-c", str(setup.cells), "-b", str(BATCH), "-ub", str(BATCH)]
        sizes += ["--parallel", str(setup.slots), "-t", str(setup.threads)]
        sizes += ["--flash-attn", "on" if setup.flash else "off"]
        # Else it asks the model to think, which the others do not.
        sizes += ["--chat-template-kwargs", json.dumps({"enable_thinking": False})]
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return Launch([str(self.rivals.server()), "-m", setup.model, *sizes, *where])


class LlamaCppServer(Rival):
    """It has one context for all, and would cut a stream off when another comes: not here."""

    name = "llama_cpp.server"
    slow = True

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        self.rivals.server()
        options = {
            "model": setup.model,
            "n_ctx": setup.context,
            "n_batch": BATCH,
            "n_threads": setup.threads,
            "n_threads_batch": setup.threads,
            "flash_attn": setup.flash,
            "interrupt_requests": False,
            "host": "127.0.0.1",
            "port": port,
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [str(self.rivals.python()), "-m", "llama_cpp.server", *arguments]
        return Launch(command, self.rivals.environment())


class ExamplesServer(Rival):
    name = "examples/server"

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        self.rivals.server()
        model = {
            "path": setup.model,
            "alias": ours.MODEL,
            "n_ctx": setup.cells,
            "n_seq_max": setup.slots,
            "n_batch": BATCH,
            "n_ubatch": BATCH,
            "threads": setup.threads,
            "threads_batch": setup.threads,
            "kv_unified": False,
            "flash_attn": setup.flash,
            "store_logits": False,
        }
        config = work / "bench.json"
        config.write_text(
            json.dumps({"server": {"host": "127.0.0.1", "port": port}, "model": model})
        )
        script = self.rivals.tree() / "examples" / "server" / "server.py"
        command = [str(self.rivals.python()), str(script), "-C", str(config)]
        return Launch(command, self.rivals.environment())


class BatchGenerator(Inside):
    name, kind = "BatchGenerator", "mlx"


class Products(Inside):
    name, kind = "matrix products only", "products"


class MlxServer(System):
    name = "mlx_lm.server"
    model = "default_model"

    def launch(self, setup: Setup, work: Path, port: int) -> Launch:
        sizes = ["--decode-concurrency", str(setup.slots), "--prompt-concurrency", str(setup.slots)]
        where = ["--model", setup.model, "--host", "127.0.0.1", "--port", str(port)]
        command = [sys.executable, "-m", "mlx_lm", "server", *where, *sizes]
        return Launch(command, {"HF_HUB_OFFLINE": "1"})
