"""`POST /v1/embeddings`: texts as vectors, in numbers or in base64 as the client likes."""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Any, Literal

from pydantic import Field

from ...core.canon import ir
from ...core.contract.api import Document
from ..validation import validate
from .schema import Wire
from .vocabulary import NAME


class EmbeddingsRequest(Wire):
    model: str | None = None
    input: str | list[str] | list[int] | list[list[int]] = Field(min_length=1, max_length=1 << 22)
    dimensions: int | None = Field(default=None, ge=1)
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


def decode(document: object) -> ir.EmbeddingRequest:
    """Raises `InvalidRequest`; tokens are the business of the model whose they are."""
    wire = validate(EmbeddingsRequest, document)
    unknown = dict(wire.model_extra or {})
    if wire.encoding_format is not None:
        unknown["_encoding_format"] = wire.encoding_format
    return ir.EmbeddingRequest(
        wire.model,
        _inputs(wire.input),
        wire.dimensions,
        wire.user,
        extra={NAME: unknown} if unknown else None,
    )


def _inputs(given: str | list[Any]) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(given, str):
        return (given,)
    if all(isinstance(item, int) for item in given):
        return (tuple(given),)
    return tuple(item if isinstance(item, str) else tuple(item) for item in given)


def document(request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
    asked = (request.extra or {}).get(NAME, {}).get("_encoding_format")
    shown = _packed if asked == "base64" else list
    tokens = answer.usage.input if answer.usage is not None else 0
    data = [
        {"object": "embedding", "index": i, "embedding": shown(vector)}
        for i, vector in enumerate(answer.vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _packed(vector: tuple[float, ...]) -> str:
    """Little-endian floats of 32 bits, as the SDK unpacks them."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
