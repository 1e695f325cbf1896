"""How a protocol reaches a model: untouched, repaired on the way, or through the canonical model.

The provider declares what it passes through; nothing here knows a protocol or an engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..contract.api import Api
from ..contract.provider import NativeCall
from ..contract.seal import PREFIX
from .registry import Target

SEAL = PREFIX.encode()


@dataclass(frozen=True, slots=True)
class Route:
    """`native` forwards the client's bytes; `rewritten` decodes and encodes them in the same

    protocol, for the reasons named; `translated` goes through the canonical model.
    """

    kind: Literal["native", "rewritten", "translated"]
    reasons: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.kind}; {', '.join(self.reasons)}" if self.reasons else self.kind


def resolve(api: Api, target: Target, call: NativeCall) -> Route:
    """The route of a call, `call.body` being what the client sent."""
    if api.name not in target.model.native:
        return Route("translated")
    reasons = list(target.provider.objections(call))
    if SEAL in call.body:
        reasons.append("seal")
    return Route("rewritten", reasons) if reasons else Route("native")
