"""A call for embeddings that does not pass through: asked of the provider, in canonical values."""

from __future__ import annotations

from dataclasses import replace

from ..canon import ir
from ..canon.errors import ProtocolViolation
from ..contract.api import Api
from ..contract.losses import HEADER, Ledger, fidelity, foreign
from .call import Reply
from .registry import Target
from .translating import refuse_drops


async def embed(api: Api, request: ir.EmbeddingRequest, target: Target) -> Reply:
    losses = _losses(api, request)
    if target.fidelity == "strict":
        refuse_drops(losses)
    provider = target.provider
    answer = await provider.embed(replace(request, model=target.model.id))
    if len(answer.vectors) != len(request.inputs):
        raise ProtocolViolation(f"{provider.name} gave no vector for some input")
    shown = replace(request, model=target.name)
    headers = {HEADER: fidelity(losses), "x-stack-route": "translated"}
    return Reply(200, headers, api.embeddings(shown, answer))


def _losses(api: Api, request: ir.EmbeddingRequest) -> Ledger:
    losses = Ledger()
    for field in foreign(request):
        if field.path not in api.handles:
            losses.dropped(field.path, f"a field of {field.owner}, and no other way to say it")
    return losses
