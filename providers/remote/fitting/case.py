"""One request on its way to one upstream: what every step of the fitting is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from ....core.canon import ir
from ....core.contract.losses import Ledger
from ..traits import Traits


@dataclass(frozen=True, slots=True)
class Case:
    """`origin` is the API that the client speaks, `api` the upstream's.

    `provider` is the upstream's name in the distribution.
    """

    origin: str
    api: str
    traits: Traits
    provider: str
    losses: Ledger = field(default_factory=Ledger)

    @property
    def native(self) -> bool:
        """Both are the same: the request goes out as it came, but for what would be refused."""
        return self.origin == self.api


def place(node: ir.Node, otherwise: str) -> str:
    """Where a node stood in the client's document, for the ledger."""
    return node.at or otherwise
