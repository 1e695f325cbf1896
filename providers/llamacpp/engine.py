"""One model's engine: it generates, it reads, or it does both from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..local.job import Job, Output
from ..local.reading import Reading
from .batching import Batcher, Shape
from .embedding import Embedder, ReadingShape
from .native import Model, Vocabulary, library
from .native_embedding import PairVocabulary
from .native_images import Eyes, Sight


class Engine:
    """For a `Worker`; `shape` is None for a model that only reads, `reading` for one that cannot.

    `context` are the tokens that one conversation may have, or one text.
    """

    vocabulary: Vocabulary
    context: int

    def __init__(
        self,
        load: Callable[[Any], Model],
        shape: Shape | None,
        reading: ReadingShape | None,
        rank_form: str | None = None,
        sight: Sight | None = None,
    ) -> None:
        self._sight = sight
        self.eyes: Eyes | None = None
        self._rank_form = rank_form
        self._load = load
        self._reading = reading
        self._model: Model | None = None
        self.batcher = None if shape is None else Batcher(self._loaded, shape)
        self._embedder = None if reading is None else Embedder(reading)
        self._generating: set[Job] = set()

    def load(self) -> None:
        if self.batcher is not None:
            self.batcher.load()
            self.vocabulary, self.context = self.batcher.vocabulary, self.batcher.context
            if self._sight is not None:
                assert self._model is not None
                self.eyes = self.batcher.eyes = Eyes(self._model, self._sight)
            return
        assert self._embedder is not None
        assert self._reading is not None
        model = self._loaded(library())
        ranks = self._reading.pooling == "rank"
        self.vocabulary = PairVocabulary(model, self._rank_form) if ranks else Vocabulary(model)
        self.context = self._reading.limit
        self._embedder.open(model)

    def _loaded(self, lib: Any) -> Model:
        self._model = self._load(lib)
        return self._model

    def close(self) -> None:
        self._generating.clear()
        if self._embedder is not None:
            self._embedder.close()
        if self.eyes is not None:
            self.eyes.close()
        if self.batcher is not None:
            self.batcher.close()
        elif self._model is not None:
            self._model.close()

    def admit(self, job: Job) -> int | None:
        if isinstance(job, Reading):
            assert self._embedder is not None
            assert self._model is not None
            return self._embedder.admit(job, self._model)
        assert self.batcher is not None
        cached = self.batcher.admit(job)
        if cached is not None:
            self._generating.add(job)
        return cached

    def step(self) -> list[tuple[Job, Output]]:
        """A step of those that generate, then a batch of those that read."""
        outputs: list[tuple[Job, Output]] = []
        if self.batcher is not None and self._generating:
            outputs += self.batcher.step()
            self._generating.difference_update(job for job, output in outputs if output.last)
        if self._embedder is not None and self._embedder.busy:
            outputs += self._embedder.step()
        return outputs

    def preempted(self) -> list[Job]:
        jobs = [] if self.batcher is None else self.batcher.preempted()
        self._generating -= set(jobs)
        return jobs

    def drop(self, job: Job) -> None:
        self._generating.discard(job)
        if isinstance(job, Reading):
            assert self._embedder is not None
            self._embedder.drop(job)
        elif self.batcher is not None:
            self.batcher.drop(job)
