"""The door to native code for what a model makes of texts: one row for a token, or for a text.

As behind the other door every call is checked first: only rows of the last batch are read, and
only where the engine says that there are any. One thread owns a context.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...core.canon.errors import ConfigError, StackError
from .native import Context, Model, Span, Vocabulary

POOLING = {"none": 0, "mean": 1, "cls": 2, "last": 3, "rank": 4}


_HOLES = re.compile(r"\{query\}|\{document\}")


class EmbeddingContext(Context):
    """A context that gives embeddings, by the engine's own pooling; `none` leaves the tokens'."""

    def __init__(
        self, model: Model, *, cells: int, sequences: int, batch: int, threads: int, pooling: str
    ) -> None:
        try:
            super().__init__(
                model,
                cells=cells,
                sequences=sequences,
                batch=batch,
                threads=threads,
                unified=True,
                pooling=POOLING[pooling],
            )
        except ConfigError as error:
            raise ConfigError(
                f"texts of {cells} tokens cannot be read: {error.message.partition(';')[0]}; "
                "lower `embedding_context`"
            ) from None
        scores = model.lib.llama_model_n_cls_out if pooling == "rank" else None
        self._width = int((scores or model.lib.llama_model_n_embd_out)(model.handle))
        self._pooled = pooling != "none"
        self._read = 0
        self._read_sequences: set[int] = set()

    def decode(self, spans: Sequence[Span]) -> tuple[int, list[int]]:
        self._read, self._read_sequences = 0, set()
        code, lasts = super().decode(spans)
        if code == 0:
            self._read = sum(len(span.tokens) for span in spans)
            self._read_sequences = {span.sequence for span in spans}
        return code, lasts

    def tokens(self, first: int, count: int) -> Any:
        """What the model makes of each token in these rows of the last batch."""
        if self._pooled or not 0 <= first < first + count <= self._read:
            raise ValueError("only rows that were read have embeddings of their own")
        get = self._lib.llama_get_embeddings_ith
        return self._np.stack(
            [self._row(get(self.handle, row)) for row in range(first, first + count)]
        )

    def text(self, sequence: int) -> Any:
        """What the model makes of a sequence that was read whole in the last batch."""
        if not self._pooled or sequence not in self._read_sequences:
            raise ValueError("only sequences that were read have an embedding")
        return self._row(self._lib.llama_get_embeddings_seq(self.handle, sequence))

    def _row(self, pointer: Any) -> Any:
        if not pointer:
            raise StackError("the engine gave no embedding for a text that it has read")
        return self._np.ctypeslib.as_array(pointer, (self._width,)).copy()


class PairVocabulary(Vocabulary):
    """A query and a document as the one text that a ranking model was trained on."""

    def __init__(self, model: Model, form: str | None) -> None:
        super().__init__(model)
        self._form = form  # with {query} and {document} in it; None for marks between the two
        lib, vocab = self._lib, self._vocab
        begin, end = lib.llama_vocab_bos(vocab), lib.llama_vocab_eos(vocab)
        sep = lib.llama_vocab_sep(vocab)
        self._before = _mark(begin, lib.llama_vocab_get_add_bos(vocab))
        self._end = _mark(sep if end < 0 else end, lib.llama_vocab_get_add_eos(vocab))
        self._between = _mark(sep, lib.llama_vocab_get_add_sep(vocab))

    def pair(self, query: str, document: str) -> list[int]:
        if self._form is not None:
            # In one go: a query may have "{document}" in it.
            texts = {"{query}": query, "{document}": document}
            return self.tokenize(_HOLES.sub(lambda hole: texts[hole[0]], self._form))
        first, second = self.tokenize(query, False), self.tokenize(document, False)
        between, after = self._end + self._between, self._end or self._between
        return [*self._before, *first, *between, *second, *after]


def _mark(token: int, wanted: bool) -> list[int]:
    return [int(token)] if wanted and token >= 0 else []
