"""The protocol as one object: what the server mounts and what a provider may call with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.contract.api import Api, Context, Document, Headers, Keeping, Operation, Rendered
from ...core.contract.losses import Ledger
from ...core.contract.provider import Model, TokenCount
from .. import openai
from ..complaints import waiting
from . import answer, decoder, embeddings, keeping, listing, outbound, request, response
from .encoder import Encoder
from .vocabulary import NAME


class Ollama(Api):
    """The part of Ollama's API that asks models; its library of models is not one of ours."""

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "Ollama"
    operations: ClassVar[tuple[Operation, ...]] = (
        Operation("create", "generate", "POST", "/api/chat"),
        Operation("generate", "generate", "POST", "/api/generate"),
        Operation("embed", "embed", "POST", "/api/embed"),
        Operation("embeddings", "embed", "POST", "/api/embeddings"),
        Operation("models", "models", "GET", "/api/tags"),
        Operation("running", "running", "GET", "/api/ps"),
        Operation("model", "model", "POST", "/api/show"),
        Operation("about", "about", "GET", "/api/version"),
    )
    handles: ClassVar[frozenset[str]] = frozenset({"stream", "keep_alive"})
    keeps: ClassVar[bool] = True
    stream_type: ClassVar[str] = Encoder.content_type

    def keeping(self, document: object, operation: str) -> Keeping | None:
        return keeping.keeping(document, operation)

    def kept(self, wanted: Keeping, operation: str, context: Context) -> Document:
        return keeping.kept(wanted, operation, context)

    def decode(self, document: object, operation: str = "create") -> ir.Request:
        return request.decode(document, operation)

    def encoder(self, request: ir.Request, context: Context) -> Encoder:
        return Encoder(request, context)

    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        return response.document(request, responses, context)

    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        headers = {"content-type": "application/json", "x-request-id": request_id}
        headers |= waiting(error.retry_after, error.retried)
        return Rendered(error.status, headers, {"error": error.message})

    def count(self, count: TokenCount) -> Document:
        return {"prompt_eval_count": count.input}

    def models(self, models: Sequence[Model]) -> Document:
        return listing.models(models)

    def model(self, model: Model) -> Document:
        return listing.shown(model)

    def named(self, document: object) -> str:
        return listing.named(document)

    def about(self, version: str) -> Document:
        return listing.about(version)

    def decode_embedding(self, document: object, operation: str = "embed") -> ir.EmbeddingRequest:
        return embeddings.decode(document, operation)

    def embeddings(self, request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
        return embeddings.document(request, answer)

    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        return outbound.encode(request, model)

    def decoder(self) -> decoder.Decoder:
        return decoder.Decoder()

    def events(self, document: object) -> Iterable[ir.Event]:
        return answer.events(document)

    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        return openai.decode_error(status, headers, body)
