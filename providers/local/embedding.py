"""Texts on their way to an engine that reads them, and its rows on their way back as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest

if TYPE_CHECKING:
    from .resident import Vocabulary


@dataclass(frozen=True, slots=True)
class Reads:
    """What an engine can read: texts of so many tokens; `scores` if it ranks and embeds nothing."""

    limit: int
    scores: bool = False


def tokenized(request: ir.EmbeddingRequest, vocabulary: Vocabulary, limit: int) -> list[list[int]]:
    """Raises `InvalidRequest` that names the input, by its number."""
    found = []
    for i, given in enumerate(request.inputs):
        if not given:
            refuse(f"input.{i}", "it is empty; there is nothing to read in it")
        if isinstance(given, str):
            tokens = vocabulary.tokenize(given)
        else:
            tokens = list(given)
            if not all(0 <= token < vocabulary.size for token in tokens):
                refuse(f"input.{i}", f"tokens of this model are 0 to {vocabulary.size - 1}")
        if len(tokens) > limit and request.truncate:
            tokens = cut(tokens, limit, vocabulary)
        found.append(fitting(tokens, limit, f"input.{i}"))
    return found


def cut(tokens: list[int], limit: int, vocabulary: Vocabulary) -> list[int]:
    """The first tokens; a mark at the end stays, since some models look at nothing else."""
    mark = tokens[-1:] if not vocabulary.piece(tokens[-1]) else []
    return tokens[: limit - len(mark)] + mark


def fitting(tokens: list[int], limit: int, at: str) -> list[int]:
    if len(tokens) > limit:
        refuse(at, f"it has {len(tokens)} tokens, and the model reads {limit} at most; shorten it")
    if not tokens:
        refuse(at, "it has no tokens; there is nothing to read in it")
    return tokens


def embeddings(
    rows: Sequence[Any], dimensions: int | None, texts: Sequence[Sequence[int]]
) -> ir.Embeddings:
    """Vectors of length 1. Fewer dimensions are the first ones: some models are trained for it."""
    import numpy

    table = numpy.stack(rows).astype(numpy.float64)
    if dimensions is not None:
        if dimensions > table.shape[1]:
            refuse("dimensions", f"this model's vectors have {table.shape[1]}; ask for no more")
        table = table[:, :dimensions]
    table /= numpy.maximum(numpy.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    read = sum(len(tokens) for tokens in texts)
    return ir.Embeddings(tuple(map(tuple, table.tolist())), ir.Usage(input=read))


def refuse(at: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{at}: {problem}", param=at.partition(".")[0])
