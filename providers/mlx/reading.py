"""Reading: embeddings of texts, from what an MLX model has in mind before it chooses a token."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...core.canon.errors import NotSupported
from ..local.job import Ended, Job, Output
from ..local.reading import Reading, pool


@dataclass(slots=True)
class Text:
    """The text that is being read; `pooled` is what is known of its row so far."""

    job: Reading
    index: int
    cache: Any
    read: int = 0
    pooled: Any = None


class Reader:
    """One chunk of one text in a step; each request's turn comes round after a text."""

    def __init__(self, pooling: str, chunk: int) -> None:
        self._pooling = pooling
        self._chunk = chunk
        self._jobs: deque[Reading] = deque()
        self._text: Text | None = None

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def admit(self, job: Reading, model: Any) -> int:
        if _body(model) is None:
            raise NotSupported("this kind of MLX model makes no embeddings", param="model")
        self._jobs.append(job)
        return 0

    def drop(self, job: Job) -> None:
        self._jobs = deque(other for other in self._jobs if other is not job)
        if self._text is not None and self._text.job is job:
            self._text = None

    def step(self, model: Any) -> Iterable[tuple[Job, Output]]:
        text = self._text = self._text or self._next(model)
        tokens = text.job.texts[text.index]
        chunk = tokens[text.read : text.read + self._chunk]
        rows = _rows(model, chunk, text.cache)
        text.pooled = pool(self._pooling, rows, len(tokens), text.pooled)
        text.read += len(chunk)
        return self._finish(text) if text.read == len(tokens) else []

    def _next(self, model: Any) -> Text:
        from mlx_lm.models.cache import make_prompt_cache

        job = self._jobs[0]
        index = next(i for i, row in enumerate(job.rows) if row is None)
        return Text(job, index, make_prompt_cache(model))

    def _finish(self, text: Text) -> Iterable[tuple[Job, Output]]:
        self._text = None
        job = text.job
        job.rows[text.index] = text.pooled
        self._jobs.rotate(-1)
        if any(row is None for row in job.rows):
            return []
        self.drop(job)
        return [(job, Ended("end"))]


def _body(model: Any) -> Any:
    """The part of a model that chooses no tokens; None if it is not where it usually is."""
    inner = getattr(model, "language_model", model)
    return getattr(inner, "model", None)


def _rows(model: Any, tokens: list[int], cache: Any) -> Any:
    import mlx.core as mx
    import numpy

    hidden = _body(model)(mx.array([tokens]), cache=cache)
    return numpy.array(hidden[0].astype(mx.float32))
