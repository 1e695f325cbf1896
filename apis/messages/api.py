"""The protocol as one object: what the server mounts and what a remote provider calls with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.contract.api import Api, Context, Decoder, Document, Headers, Operation, Rendered
from ...core.contract.losses import Ledger
from ...core.contract.provider import Model, TokenCount
from . import errors, outbound, request, response
from .decoder import MessagesDecoder, events
from .encoder import MessagesEncoder
from .listing import entry, listing
from .relay import MessagesRelay
from .vocabulary import NAME


class Messages(Api):
    """Anthropic Messages; every version of it that a client may name is taken."""

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "Anthropic Messages"
    operations: ClassVar[tuple[Operation, ...]] = (
        Operation("create", "generate", "POST", "/v1/messages"),
        Operation("count_tokens", "count_tokens", "POST", "/v1/messages/count_tokens", True),
        Operation("models", "models", "GET", "/v1/models"),
        Operation("model", "model", "GET", "/v1/models/{id}"),
    )
    handles: ClassVar[frozenset[str]] = frozenset(
        "stream metadata service_tier inference_geo diagnostics betas billing_policy"
        " user_profile_id workspace_id".split()
    )
    # Not the client's identity: `x-app`, `x-claude-code-session-id`, `x-stainless-*`, and the
    # workspace and the profile that belong to its own account.
    request_headers: ClassVar[frozenset[str]] = frozenset({"anthropic-version", "anthropic-beta"})
    # Not this server's identity: `anthropic-organization-id`, `anthropic-workspace-id`.
    response_headers: ClassVar[tuple[str, ...]] = (
        "request-id",
        "x-request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "anthropic-ratelimit-*",
        "anthropic-priority-*",
        "anthropic-fast-*",
        "x-ratelimit-*",
    )
    opaque: ClassVar[Literal["signature", "sealed"] | None] = "signature"

    def claims(self, headers: Headers) -> bool:
        return "anthropic-version" in headers

    def decode(self, document: object, operation: str = "create") -> ir.Request:
        return request.decode(document, operation)

    def encoder(self, request: ir.Request, context: Context) -> MessagesEncoder:
        return MessagesEncoder(context)

    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        (only,) = responses
        return response.document(only, context)

    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        return errors.encode_error(error, request_id)

    def count(self, count: TokenCount) -> Document:
        return {"input_tokens": count.input}

    def models(self, models: Sequence[Model]) -> Document:
        return listing(models)

    def model(self, model: Model) -> Document:
        return entry(model)

    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        return outbound.encode(request, model)

    def decoder(self) -> Decoder:
        return MessagesDecoder()

    def events(self, document: object) -> Iterable[ir.Event]:
        return events(document)

    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        return errors.decode_error(status, headers, body)

    def relay(self) -> MessagesRelay:
        return MessagesRelay()

    def fault(self, document: object) -> StackError | None:
        return errors.fault(document)
