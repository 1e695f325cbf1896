"""`POST /v1/rerank`: documents by how well they answer a query.

No standard has it; the shape is the one that Jina, Cohere, vLLM and llama-server share.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...core.canon import ir
from ...core.contract.api import Document
from ..validation import validate
from .schema import Wire
from .vocabulary import NAME


class Text(Wire):
    text: str


class RerankRequest(Wire):
    model: str | None = None
    query: str = Field(min_length=1)
    documents: list[str | Text] = Field(min_length=1, max_length=1 << 20)
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool | None = None


def decode(document: object) -> ir.RerankRequest:
    wire = validate(RerankRequest, document)
    kept: dict[str, Any] = dict(wire.model_extra or {})
    if wire.return_documents:
        kept["_return_documents"] = True
    return ir.RerankRequest(
        wire.model,
        wire.query,
        tuple(given if isinstance(given, str) else given.text for given in wire.documents),
        wire.top_n,
        extra={NAME: kept} if kept else None,
    )


def document(request: ir.RerankRequest, answer: ir.Ranking) -> Document:
    """The best document first; of equals the one that came first."""
    best = sorted(range(len(answer.scores)), key=lambda i: -answer.scores[i])
    shown = bool((request.extra or {}).get(NAME, {}).get("_return_documents"))
    tokens = answer.usage.input if answer.usage is not None else 0
    return {
        "object": "list",
        "model": request.model,
        "results": [_result(request, answer, i, shown) for i in best[: request.top]],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _result(request: ir.RerankRequest, answer: ir.Ranking, i: int, shown: bool) -> Document:
    found: Document = {"index": i, "relevance_score": answer.scores[i]}
    return found | ({"document": {"text": request.documents[i]}} if shown else {})
