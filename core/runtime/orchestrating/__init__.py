"""Server tools: a request that asks for some is run here, between the provider and its reader.

Whatever protocol the request came in, and whichever provider answers it: the model is offered
functions, what it calls is run by an executor, and the answer goes on. `offering.py` says what is
offered, `telling.py` how earlier calls are told, `rounds.py` how an answer goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from ...canon import ir
from ...contract.executor import Executor
from ...contract.losses import Loss
from ...contract.provider import Prepared, Provider
from .offering import Offer, offered
from .plain import plain
from .rounds import Rounds, spelled_out
from .telling import told

__all__ = ["plain", "prepared", "shown_to_model"]


async def prepared(
    provider: Provider, request: ir.Request, executors: Sequence[Executor]
) -> Prepared:
    """As `provider.prepare`, but that what executors serve is run; raises what either raises."""
    offer = await offered(request, executors) if executors else None
    if offer is None:
        return await provider.prepare(request)
    first = await provider.prepare(spelled_out(offer, {}))
    before = told(request.turns)

    def run(choice: int) -> AsyncIterator[ir.Event]:
        return Rounds(provider, offer, before, first).run(choice)

    return replace(first, run=run, losses=[*_losses(offer), *first.losses])


async def shown_to_model(request: ir.Request, executors: Sequence[Executor]) -> ir.Request:
    """The request as a model first reads it."""
    offer = await offered(request, executors) if executors else None
    return request if offer is None else spelled_out(offer, {})


def _losses(offer: Offer) -> list[Loss]:
    return [
        Loss("tools", "dropped", f"the tools of {listing.server}: {listing.error}")
        for listing in offer.listings
        if listing.error is not None
    ]
