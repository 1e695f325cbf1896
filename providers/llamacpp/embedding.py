"""Reading: embeddings and scores of texts, from a second context on the weights of a model.

It is driven by the model's owner thread, one batch between two steps of the generations: the
engine's threads spin, so a second thread that computes would slow both down far more than sharing
the steps does. A model that only looks back is read in chunks, so that a long text never makes the
others wait for long, and its tokens are pooled here. One that looks both ways, or scores, must see
a text whole in one batch, and the engine pools. Texts of several requests share a batch; each
request's turn comes round.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.canon.errors import StackError
from ..local.job import Broken, Ended, Job, Output
from ..local.reading import Reading, pool
from .native import Model, Span
from .native_embedding import EmbeddingContext

log = logging.getLogger(__name__)

SEQUENCES = 16  # texts in one batch


@dataclass(frozen=True, slots=True)
class ReadingShape:
    """`limit` are tokens of one text, `batch` those of one step."""

    limit: int
    batch: int
    whole: bool
    pooling: str
    threads: int


@dataclass(slots=True)
class Text:
    """One text on its way; `pooled` is what is known of its row so far."""

    job: Reading
    index: int
    tokens: list[int]
    sequence: int = -1
    read: int = 0
    pooled: Any = None


class Embedder:
    """Its context is made when it is first needed."""

    def __init__(self, shape: ReadingShape) -> None:
        self._shape = shape
        self._context: EmbeddingContext | None = None
        self._waiting: dict[Reading, deque[Text]] = {}  # in the order of their turns
        self._texts: list[Text] = []  # those that are partly read
        self._free = list(range(SEQUENCES))

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def open(self, model: Model) -> None:
        shape = self._shape
        self._context = EmbeddingContext(
            model,
            cells=shape.limit,
            sequences=SEQUENCES,
            batch=shape.batch,
            threads=shape.threads,
            pooling=shape.pooling if shape.whole else "none",
        )

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            context.close()

    def admit(self, job: Reading, model: Model) -> int:
        if self._context is None:
            self.open(model)
        self._waiting[job] = deque(Text(job, i, tokens) for i, tokens in enumerate(job.texts))
        return 0

    def drop(self, job: Job) -> None:
        self._waiting = {other: texts for other, texts in self._waiting.items() if other is not job}
        for text in [text for text in self._texts if text.job is job]:
            self._leave(text)

    def step(self) -> Iterable[tuple[Job, Output]]:
        """Read one batch; a request ends with the last of its texts."""
        texts, spans = self._plan()
        code, lasts = self._memory.decode(spans)
        if code != 0:
            return self._fail(code)
        outputs: list[tuple[Job, Output]] = []
        for text, span, last in zip(texts, spans, lasts, strict=True):
            self._pool(text, len(span.tokens), last)
            if text.read == len(text.tokens):
                outputs += self._finish(text)
        return outputs

    def _plan(self) -> tuple[list[Text], list[Span]]:
        """The next batch: what is left of the texts that were begun, then those that begin."""
        room = self._shape.batch
        texts, spans = [], []
        begun = deque(self._texts)
        while room and (text := begun.popleft() if begun else self._next(room)) is not None:
            tokens = text.tokens[text.read : text.read + room]
            texts.append(text)
            spans.append(Span(text.sequence, text.read, tokens, 0))
            room -= len(tokens)
        return texts, spans

    def _next(self, room: int) -> Text | None:
        """The next text of the request whose turn it is, if there is room for all of it."""
        job = next((job for job, texts in self._waiting.items() if texts), None)
        if job is None or not self._free:
            return None
        size = len(self._waiting[job][0].tokens)
        held = sum(len(text.tokens) for text in self._texts)
        if held + size > self._shape.limit or (self._shape.whole and size > room):
            return None
        texts = self._waiting[job] = self._waiting.pop(job)  # its next turn comes last
        text = texts.popleft()
        text.sequence = self._free.pop()
        self._texts.append(text)
        return text

    def _pool(self, text: Text, size: int, last: int) -> None:
        text.read += size
        if self._shape.whole:
            text.pooled = self._memory.text(text.sequence)
            return
        rows = self._memory.tokens(last + 1 - size, size)
        text.pooled = pool(self._shape.pooling, rows, len(text.tokens), text.pooled)

    def _finish(self, text: Text) -> Sequence[tuple[Job, Output]]:
        self._leave(text)
        job = text.job
        job.rows[text.index] = text.pooled
        if any(row is None for row in job.rows):
            return []
        self.drop(job)
        return [(job, Ended("end"))]

    def _leave(self, text: Text) -> None:
        self._texts.remove(text)
        self._free.append(text.sequence)
        self._memory.forget(text.sequence)

    def _fail(self, code: int) -> Sequence[tuple[Job, Output]]:
        log.error("llama.cpp could not read a batch of texts (code %d)", code)
        jobs = list(dict.fromkeys(text.job for text in self._texts))
        for job in jobs:
            self.drop(job)
        error = StackError(f"the engine could not read this text (code {code})")
        return [(job, Broken(error)) for job in jobs]

    @property
    def _memory(self) -> EmbeddingContext:
        assert self._context is not None
        return self._context
