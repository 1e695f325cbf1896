"""What every contestant of a run gets alike, and what it is asked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

BATCH = 512  # tokens of a step, at most


@dataclass(frozen=True)
class Setup:
    """`model` is a GGUF file, or a folder with an MLX model."""

    model: str
    slots: int
    context: int  # tokens of one conversation; each slot has its own share
    threads: int
    flash: bool = False  # whether llama.cpp computes attention in one go

    @property
    def cells(self) -> int:
        return self.slots * self.context

    @property
    def mlx(self) -> bool:
        return Path(self.model).is_dir()

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Setup:
        return cls(**json.loads(text))


def counting(run: int, streams: int) -> list[str]:
    """Prompts that no contestant has seen before this run.

    The tiny model never stops counting to so many, so that every answer has the length asked for.
    """
    return [f"Count to 100{run * streams + stream}." for stream in range(streams)]
