"""The models of a running stack: what is in memory of them, and to bring them in or let them go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict

from ..canon.errors import NotSupported
from ..contract.api import Document
from ..contract.provider import Model, Residence
from .registry import Registry, Target


def listed(registry: Registry) -> Document:
    """Every model by a name that is always its own, and how it is kept where it is kept here."""
    by_model: dict[str, list[Target]] = {}
    for target in registry.targets():
        by_model.setdefault(_qualified(target), []).append(target)
    return {"models": [_entry(*targets) for targets in by_model.values()]}


def running(registry: Registry) -> list[Model]:
    """The models that answer without being loaded first, under the names that clients know."""
    return [model for model in registry.models() if _at_hand(registry.resolve(model.id))]


def _at_hand(target: Target) -> bool:
    return all(kept.state == "loaded" for kept in _kept(target))


async def load(target: Target) -> Document:
    """The model as it is then; raises a `StackError` for one that cannot be loaded."""
    await target.provider.load_model(target.model.id)
    return _entry(target)


async def unload(target: Target) -> Document:
    await target.provider.unload_model(target.model.id)
    return _entry(target)


async def keep(target: Target, loaded: bool) -> None:
    """What a client asks for in passing; a model that is kept elsewhere is none of its business."""
    with suppress(NotSupported):
        await (load(target) if loaded else unload(target))


def _qualified(target: Target) -> str:
    return f"{target.provider.name}/{target.model.id}"


def _entry(*targets: Target) -> Document:
    """`names` are what it is asked for by; without a `state` it is kept elsewhere."""
    first = targets[0]
    found: Document = {
        "name": _qualified(first),
        "names": [target.name for target in targets],
        "provider": first.provider.name,
        "type": first.provider.type,
        "context_window": first.model.context_window,
    }
    for kept in _kept(first):
        shown = asdict(kept)
        del shown["model"]
        found |= shown
    return found


def _kept(target: Target) -> Iterator[Residence]:
    return (each for each in target.provider.residences() if each.model == target.model.id)
