"""A foreign request made fit for an upstream, and the answer's names given back.

Everything here turns canonical values into canonical values, before the protocol's own `encode`
and after its `decoder`, so that all upstream protocols share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ....core.canon import ir
from ....core.contract.losses import Loss
from ..traits import Traits


class Restore:
    """Turns the events of an answer back into what the client's own request talked about."""

    def feed(self, event: ir.Event) -> Iterator[ir.Event]:
        yield event


@dataclass(frozen=True, slots=True)
class Fitted:
    request: ir.Request
    losses: Iterable[Loss]

    def restore(self) -> Restore:
        """A fresh one for each answer."""
        return Restore()


def fit(request: ir.Request, upstream: str, traits: Traits, provider: str) -> Fitted:
    """The request as an upstream that speaks the API `upstream` can take it.

    `provider` is the name of the provider in its distribution: reasoning that it signed or sealed
    (`origin`) goes back to it, that of others does not.
    """
    return Fitted(request, ())
