"""`/api/embed`, and the older `/api/embeddings` with its one prompt."""

from __future__ import annotations

from ...core.canon import ir
from ...core.contract.api import Document
from ..validation import validate
from . import schema
from .vocabulary import extra, given, refuse, remembered


def decode(document: object) -> ir.EmbeddingRequest:
    if isinstance(document, dict) and "prompt" in document:
        old = validate(schema.Embeddings, document)
        return ir.EmbeddingRequest(old.model, (old.prompt,), extra=extra(old, _legacy=True))
    wire = validate(schema.Embed, document)
    inputs = (wire.input,) if isinstance(wire.input, str) else tuple(wire.input)
    if not inputs:
        refuse("input", "at least one text is required")
    return ir.EmbeddingRequest(wire.model, inputs, wire.dimensions, extra=extra(wire))


def document(request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
    vectors = [list(vector) for vector in answer.vectors]
    if remembered(request, "_legacy"):
        return {"embedding": vectors[0]}
    tokens = answer.usage.input if answer.usage is not None else None
    return {"model": request.model, "embeddings": vectors} | given(prompt_eval_count=tokens)
