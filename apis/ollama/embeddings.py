"""`/api/embed`, and the older `/api/embeddings` with its one prompt."""

from __future__ import annotations

from ...core.canon import ir
from ...core.contract.api import Document
from ..validation import validate
from . import schema
from .vocabulary import LOADING, extra, given, refuse, remembered


def decode(document: object, operation: str = "embed") -> ir.EmbeddingRequest:
    if operation == "embeddings":
        old = validate(schema.Embeddings, document)
        return ir.EmbeddingRequest(
            old.model, (old.prompt,), truncate=True, extra=_extra(old, legacy=True)
        )
    wire = validate(schema.Embed, document)
    inputs = (wire.input,) if isinstance(wire.input, str) else tuple(wire.input)
    if not inputs:
        refuse("input", "at least one text is required")
    cut = wire.truncate is not False
    return ir.EmbeddingRequest(
        wire.model, inputs, wire.dimensions, truncate=cut, extra=_extra(wire)
    )


def _extra(wire: schema.Embed | schema.Embeddings, legacy: bool = False) -> ir.Extra | None:
    asked = {k: v for k, v in (wire.options or {}).items() if k not in LOADING and v is not None}
    return extra(wire, options=asked or None, _legacy=legacy or None)


def document(request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
    vectors = [list(vector) for vector in answer.vectors]
    if remembered(request, "_legacy"):
        return {"embedding": vectors[0]}
    tokens = answer.usage.input if answer.usage is not None else None
    return {"model": request.model, "embeddings": vectors} | given(prompt_eval_count=tokens)
