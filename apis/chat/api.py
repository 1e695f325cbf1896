"""The protocol as one object: what the server mounts and what a remote provider calls with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.contract.api import Api, Context, Document, Headers, Operation, Rendered
from ...core.contract.losses import Ledger
from ...core.contract.provider import Model, TokenCount
from .. import openai
from . import answer, decoder, embeddings, errors, outbound, ranking, request, response
from .encoder import Encoder
from .relay import ChatRelay
from .vocabulary import NAME


class Chat(Api):
    """OpenAI Chat Completions, with the extensions that servers of open models agreed on."""

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "OpenAI Chat Completions"
    operations: ClassVar[tuple[Operation, ...]] = (
        Operation("create", "generate", "POST", "/v1/chat/completions"),
        Operation("embeddings", "embed", "POST", "/v1/embeddings"),
        Operation("rerank", "rerank", "POST", "/v1/rerank"),
        Operation("rerank_bare", "rerank", "POST", "/rerank"),
        Operation("rerank_v2", "rerank", "POST", "/v2/rerank"),
        Operation("models", "models", "GET", "/v1/models"),
        Operation("model", "model", "GET", "/v1/models/{id}"),
    )
    handles: ClassVar[frozenset[str]] = frozenset(
        "stream stream_options store service_tier metadata user safety_identifier"
        " prompt_cache_key prompt_cache_retention".split()
    )
    request_headers: ClassVar[frozenset[str]] = openai.REQUEST_HEADERS
    response_headers: ClassVar[tuple[str, ...]] = openai.RESPONSE_HEADERS
    opaque: ClassVar[Literal["signature", "sealed"] | None] = "sealed"

    def decode(self, document: object, operation: str = "create") -> ir.Request:
        return request.decode(document)

    def encoder(self, request: ir.Request, context: Context) -> Encoder:
        return Encoder(request, context)

    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        return response.document(request, responses, context)

    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        return errors.encode_error(error, request_id)

    def count(self, count: TokenCount) -> Document:
        return {"object": "chat.completion.input_tokens", "input_tokens": count.input}

    def decode_embedding(self, document: object, operation: str = "embed") -> ir.EmbeddingRequest:
        return embeddings.decode(document)

    def embeddings(self, request: ir.EmbeddingRequest, answer: ir.Embeddings) -> Document:
        return embeddings.document(request, answer)

    def decode_rerank(self, document: object) -> ir.RerankRequest:
        return ranking.decode(document)

    def ranking(self, request: ir.RerankRequest, answer: ir.Ranking) -> Document:
        return ranking.document(request, answer)

    def models(self, models: Sequence[Model]) -> Document:
        return openai.listing(models)

    def model(self, model: Model) -> Document:
        return openai.entry(model)

    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        return outbound.encode(request, model)

    def decoder(self) -> decoder.Decoder:
        return decoder.Decoder()

    def events(self, document: object) -> Iterable[ir.Event]:
        return answer.events(document)

    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        return openai.decode_error(status, headers, body)

    def relay(self) -> ChatRelay:
        return ChatRelay()

    def fault(self, document: object) -> StackError | None:
        if isinstance(document, dict) and document.get("object") == "list":  # of embeddings
            return None
        if isinstance(document, dict) and isinstance(document.get("results"), list):  # a ranking
            return None
        return openai.fault(document, "choices")
