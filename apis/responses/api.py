"""OpenAI Responses, as a server speaks it and as a client of an upstream does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.contract import api
from ...core.contract.api import Context, Document, Headers, Operation, Rendered
from ...core.contract.losses import Ledger
from ...core.contract.provider import Model, TokenCount
from .. import openai
from . import compaction, errors, extras
from .connection import Connection
from .decoder import Decoder
from .encoder import Encoder
from .relay import ResponsesRelay
from .request import decode, encode
from .response import document
from .state import OPERATIONS, State

# What the answer echoes or says itself, and what is for other servers to act on.
HANDLED = """
    background client_metadata conversation include max_tool_calls previous_response_id prompt
    prompt_cache_key prompt_cache_options prompt_cache_retention safety_identifier service_tier
    store stream_options truncation
"""

# What Codex and its server agree on: features, a form of the body, and a turn's route. Not who asks
# and where: `x-codex-turn-metadata` and `x-codex-window-id`, `session-id`, `thread-id`,
# `originator`; nor what is left of this server's own plan (`x-codex-primary-*`).
CODEX_REQUEST_HEADERS = frozenset(
    {
        "x-codex-beta-features",
        "x-codex-turn-state",
        "x-openai-internal-codex-responses-lite",
    }
)
CODEX_RESPONSE_HEADERS = ("x-codex-turn-state", "x-reasoning-included")


class Responses(api.Api):
    name = extras.NAME
    title = "OpenAI Responses"
    operations = (
        Operation("create", "generate", "POST", "/v1/responses"),
        Operation(compaction.OPERATION, "generate", "POST", "/v1/responses/compact", True),
        Operation("connect", "connect", "GET", "/v1/responses"),
        Operation("input_tokens", "count_tokens", "POST", "/v1/responses/input_tokens", True),
        Operation("models", "models", "GET", "/v1/models"),
        Operation("model", "model", "GET", "/v1/models/{id}"),
        *OPERATIONS,
    )
    handles = frozenset(HANDLED.split())
    request_headers = openai.REQUEST_HEADERS | CODEX_REQUEST_HEADERS
    response_headers = openai.RESPONSE_HEADERS + CODEX_RESPONSE_HEADERS
    opaque = "sealed"
    state = State()

    def decode(self, document: object, operation: str = "create") -> ir.Request:
        return decode(document, operation)

    def encoder(self, request: ir.Request, context: Context) -> Encoder:
        return Encoder(request, context)

    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        (answer,) = responses  # the protocol has no choices
        return document(request, answer, context)

    def compacted(self, seal: str) -> ir.Opaque:
        return compaction.item(seal)

    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        return errors.encode_error(error, request_id)

    def count(self, count: TokenCount) -> Document:
        return {"object": "response.input_tokens", "input_tokens": count.input}

    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        return encode(request, model)

    def decoder(self) -> Decoder:
        return Decoder()

    def events(self, document: object) -> Iterable[ir.Event]:
        return Decoder().whole(document)

    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        return openai.decode_error(status, headers, body)

    def models(self, models: Sequence[Model]) -> Document:
        return openai.listing(models)

    def model(self, model: Model) -> Document:
        return openai.entry(model)

    def connection(self, headers: Headers) -> Connection:
        return Connection(headers)

    def relay(self) -> ResponsesRelay:
        return ResponsesRelay()

    def fault(self, document: object) -> StackError | None:
        if isinstance(document, dict) and document.get("object") in ("response", "list"):
            return None  # one that failed says so itself, and the SDK shows it
        return openai.fault(document, "output")
