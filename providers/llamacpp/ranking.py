"""Documents scored by a model that was made for it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

from ...core.canon import ir
from ..local.embedding import fitting, refuse
from .gguf import Header
from .native_embedding import PairVocabulary

SHARES = frozenset({"qwen3", "qwen3vl"})  # whose score is a share of yes and no already


def pairs(request: ir.RerankRequest, vocabulary: PairVocabulary, limit: int) -> list[list[int]]:
    """Raises `InvalidRequest` that names the document, by its number."""
    if not request.query:
        refuse("query", "it is empty; there is nothing to compare the documents with")
    return [
        fitting(vocabulary.pair(request.query, document), limit, f"documents.{i}")
        for i, document in enumerate(request.documents)
    ]


def ranking(rows: Sequence[Any], header: Header, texts: Sequence[Sequence[int]]) -> ir.Ranking:
    """Scores from 0 to 1."""
    scores = [float(row[0]) for row in rows]
    if header.architecture not in SHARES:
        scores = [_share(score) for score in scores]
    return ir.Ranking(tuple(scores), ir.Usage(input=sum(len(tokens) for tokens in texts)))


def _share(score: float) -> float:
    return 1 / (1 + exp(-score)) if score >= 0 else exp(score) / (1 + exp(score))
