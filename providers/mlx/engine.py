"""One model's engine: it generates in batches, and reads texts between two steps."""

from __future__ import annotations

from collections.abc import Iterable

from ..local.job import Job, Output
from ..local.reading import Reading
from .batching import Batcher
from .config import Config
from .reading import Reader


class Engine(Batcher):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._reader = Reader(config.pooling, config.prefill_chunk)

    def admit(self, job: Job) -> int | None:
        if isinstance(job, Reading):
            return self._reader.admit(job, self.loaded.model)
        return super().admit(job)

    def step(self) -> Iterable[tuple[Job, Output]]:
        outputs = list(super().step()) if self.generating else []
        if self._reader.busy:
            outputs += self._reader.step(self.loaded.model)
        return outputs

    def drop(self, job: Job) -> None:
        if isinstance(job, Reading):
            self._reader.drop(job)
        else:
            super().drop(job)
