"""Calls for embeddings and rankings that do not pass through: asked in canonical values."""

from __future__ import annotations

from dataclasses import replace

from ..canon import ir
from ..canon.errors import ProtocolViolation
from ..contract.api import Api, Document
from ..contract.losses import HEADER, Ledger, fidelity, foreign
from .call import Reply
from .registry import Target
from .translating import refuse_drops


async def embed(api: Api, request: ir.EmbeddingRequest, target: Target) -> Reply:
    losses = _losses(api, request, target)
    provider = target.provider
    answer = await provider.embed(replace(request, model=target.model.id))
    if len(answer.vectors) != len(request.inputs):
        raise ProtocolViolation(f"{provider.name} gave no vector for some input")
    return _reply(api.embeddings(replace(request, model=target.name), answer), losses)


async def rerank(api: Api, request: ir.RerankRequest, target: Target) -> Reply:
    losses = _losses(api, request, target)
    provider = target.provider
    answer = await provider.rerank(replace(request, model=target.model.id))
    if len(answer.scores) != len(request.documents):
        raise ProtocolViolation(f"{provider.name} gave no score for some document")
    return _reply(api.ranking(replace(request, model=target.name), answer), losses)


def _reply(document: Document, losses: Ledger) -> Reply:
    return Reply(200, {HEADER: fidelity(losses), "x-stack-route": "translated"}, document)


def _losses(api: Api, request: ir.Node, target: Target) -> Ledger:
    losses = Ledger()
    for field in foreign(request):
        if field.path not in api.handles:
            losses.dropped(field.path, f"a field of {field.owner}, and no other way to say it")
    if target.fidelity == "strict":
        refuse_drops(losses)
    return losses
