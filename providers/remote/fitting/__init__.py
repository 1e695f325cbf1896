"""A foreign request made fit for an upstream, and the answer's names given back.

Everything here turns canonical values into canonical values, before the protocol's own `encode`
and after its `decoder`, so that all upstream protocols share it. Each module has one concern.

A request that came in by the upstream's own protocol stays as it is, but for what this upstream
would refuse: thoughts of another maker, the billing line, system turns, namespaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ....core.canon import ir
from ....core.contract.losses import Loss
from ..traits import Traits
from . import contents, exchange, fields, options, plain, system, thinking, thoughts, tools
from .case import Case, changed
from .names import Known, Names
from .restoring import Restore

__all__ = ["Fitted", "Restore", "fit"]


@dataclass(frozen=True, slots=True)
class Fitted:
    request: ir.Request
    losses: Iterable[Loss]
    known: Mapping[str, Known] = field(default_factory=dict)

    def restore(self) -> Restore:
        """A fresh one for each answer."""
        return Restore(self.known)


def fit(request: ir.Request, upstream: str, traits: Traits, provider: str) -> Fitted:
    """The request as an upstream that speaks the API `upstream` can take it.

    `provider` is the name of the provider in its distribution: reasoning that it signed or sealed
    (`origin`) goes back to it, that of others does not. Raises `InvalidRequest` for a conversation
    that every upstream refuses.
    """
    case = Case(request.origin, upstream, traits, provider)
    if request.sampling.n != 1:  # one call makes one answer, and the Stack makes n calls
        request = replace(request, sampling=replace(request.sampling, n=1))
    if case.native:
        return _repaired(request, case)
    names = Names(request.tools, case, wrapped=tools.wraps_custom(case))
    request = fields.carried(request, case)
    request = system.placed(system.without_billing(request, case), case)
    turns = exchange.ordered(thoughts.replayed(request.turns, case), case)
    turns = tools.called(contents.shown(turns, case), names, case)
    request = tools.offered(changed(request, turns=_arranged(turns, case)), names, case)
    request = options.set_(thinking.asked(request, case), case)
    if case.api == "chat":
        request = plain.plain(request, case)
    return Fitted(request, case.losses, names.known)


def _repaired(request: ir.Request, case: Case) -> Fitted:
    request = system.placed(system.without_billing(request, case), case)
    request = changed(request, turns=thoughts.replayed(request.turns, case))
    if case.traits.namespaces or not any(tool.namespace for tool in request.tools):
        return Fitted(request, case.losses)
    names = Names(request.tools, case, wrapped=False)
    turns = tools.called(request.turns, names, case)
    request = tools.offered(changed(request, turns=turns), names, case)
    return Fitted(request, case.losses, names.known)


def _arranged(turns: tuple[ir.Turn, ...], case: Case) -> tuple[ir.Turn, ...]:
    """The exchange in the form that the upstream's messages have."""
    if case.api == "chat" and not case.traits.media_in_results:
        turns = tuple(contents.with_media_behind(turns, case))
    if case.api == "chat" and case.traits.reasoning_required:
        turns = tuple(thoughts.demanded(turns, case))
    if case.api == "messages":
        return exchange.joined(turns)
    return tuple(turn for turn in turns if turn.parts)
