"""Embeddings of an upstream that speaks Chat Completions, whose servers share the endpoint."""

from __future__ import annotations

from typing import Any

from ...core.canon import ir
from ...core.canon.errors import UpstreamError
from ...core.contract.api import Document

API = "chat"
PATH = "/v1/embeddings"


def body(request: ir.EmbeddingRequest) -> Document:
    asked: Document = {"model": request.model, "input": list(request.inputs)}
    asked["encoding_format"] = "float"
    if request.dimensions is not None:
        asked["dimensions"] = request.dimensions
    if request.user is not None:
        asked["user"] = request.user
    return asked


def embeddings(document: object) -> ir.Embeddings:
    """Raises `UpstreamError` for what is no list of vectors."""
    try:
        return _embeddings(document)
    except (KeyError, TypeError, ValueError, IndexError):
        raise UpstreamError("the upstream's embeddings make no sense") from None


def _embeddings(document: Any) -> ir.Embeddings:
    data = sorted(document["data"], key=lambda entry: int(entry["index"]))
    vectors = tuple(tuple(float(number) for number in entry["embedding"]) for entry in data)
    tokens = (document.get("usage") or {}).get("prompt_tokens")
    return ir.Embeddings(vectors, None if tokens is None else ir.Usage(input=int(tokens)))
