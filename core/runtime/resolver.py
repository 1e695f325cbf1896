"""How a protocol reaches a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..contract.api import Api
from .registry import Target


@dataclass(frozen=True, slots=True)
class Route:
    """`translated` goes through the canonical model; `why` says so to people."""

    kind: Literal["translated"]
    why: str


def resolve(api: Api, target: Target) -> Route:
    """The route of a call; the provider's declaration decides it, never a list kept here."""
    model = target.model.id
    return Route("translated", f"{target.provider.type} answers {model!r} in process")
