"""A protocol of one question and one answer, both of them text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields

from pydantic import BaseModel, ConfigDict

from polystack.apis.validation import validate
from polystack.core import Api, Context, Operation, Rendered, ir
from polystack.core.canon.errors import NotSupported, StackError, UpstreamError
from polystack.core.contract.api import Document, Headers
from polystack.core.contract.hookspecs import hookimpl
from polystack.core.contract.losses import Ledger, foreign
from polystack.core.contract.provider import Model, TokenCount

from .stream import PlainDecoder, PlainEncoder, events_of, tokens_of

SAID = {"model", "turns", "stream", "origin", "headers", "extra", "at", "user", "metadata"}


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = None
    ask: str
    stream: bool = False


class Plain(Api):
    name = "plain"
    title = "Plain questions"
    operations = (
        Operation("create", "generate", "POST", "/plain/ask"),
        Operation("models", "models", "GET", "/plain/models"),
        Operation("model", "model", "GET", "/plain/models/{id}"),
    )
    handles = frozenset({"stream"})

    # As a server.

    def claims(self, headers: Headers) -> bool:
        return "x-plain" in headers

    def decode(self, document: object, operation: str = "create") -> ir.Request:
        asked = validate(Question, document)
        turn = ir.Turn("user", (ir.Text(asked.ask, at="ask"),), at="ask")
        return ir.Request(asked.model, (turn,), stream=asked.stream, origin=self.name)

    def encoder(self, request: ir.Request, context: Context) -> PlainEncoder:
        return PlainEncoder(context)

    def document(
        self, request: ir.Request, responses: Sequence[ir.Response], context: Context
    ) -> Document:
        (response,) = responses
        for number, part in enumerate(response.parts):
            if not isinstance(part, ir.Text | ir.Refusal):
                context.losses.dropped(f"parts.{number}", "a plain answer is text alone")
        answer = ir.text_of(response.parts)
        return {"answer": answer, "end": response.stop.reason, **tokens_of(response.usage)}

    def encode_error(self, error: StackError, request_id: str) -> Rendered:
        return Rendered(error.status, {}, {"error": error.message, "kind": error.kind})

    def count(self, count: TokenCount) -> Document:
        return {"tokens": count.input}

    def models(self, models: Sequence[Model]) -> Document:
        return {"models": [model.id for model in models]}

    def model(self, model: Model) -> Document:
        return {"model": model.id}

    # As the client of an upstream.

    def encode(self, request: ir.Request, model: str) -> tuple[Document, Ledger]:
        losses, usual = Ledger(), ir.Request(request.model, ())
        for name in (each.name for each in fields(request) if each.name not in SAID):
            if getattr(request, name) != getattr(usual, name):
                losses.dropped(name, "a plain question has no place for it")
        for found in foreign(request, self.name):
            losses.dropped(found.path, "a plain question has no place for it")
        if [turn.role for turn in request.turns] != ["user"]:
            losses.approximated("turns", "a conversation becomes one question")
        if any(not isinstance(part, ir.Text) for turn in request.turns for part in turn.parts):
            raise NotSupported("a plain question is text; leave out everything else")
        ask = "\n\n".join(ir.text_of(turn.parts) for turn in request.turns)
        return {"model": model, "ask": ask, "stream": request.stream}, losses

    def decoder(self) -> PlainDecoder:
        return PlainDecoder()

    def events(self, document: object) -> Iterable[ir.Event]:
        if not (isinstance(document, dict) and isinstance(document.get("answer"), str)):
            raise UpstreamError("the upstream's answer holds no text under `answer`")
        return events_of(document)

    def decode_error(self, status: int, headers: Headers, body: bytes) -> StackError:
        return UpstreamError(f"the upstream answered with status {status}")


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    register(Plain())
