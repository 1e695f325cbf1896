"""The names within a distribution that stand for one another, and what is left of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .distribution import Distribution, ModelEntry
from .faults import fault_at, shown
from .plugins import Plugins
from .spelling import choices
from .yaml_source import Node


def check(
    whole: Distribution, tree: Node, disabled: Collection[str], plugins: Plugins
) -> tuple[Distribution, list[str]]:
    """Everything resolved or a `ConfigError`; then without what the disabled providers served."""
    _check_types(whole, tree, disabled, plugins)
    _check_names(whole, tree)
    return _without(whole, disabled)


def _check_types(
    whole: Distribution, tree: Node, disabled: Collection[str], plugins: Plugins
) -> None:
    for i, api in enumerate(whole.apis):
        if problem := plugins.missing("api", api):
            raise fault_at(tree, ("apis", i), problem)
        if api in whole.apis[:i]:
            raise fault_at(tree, ("apis", i), f"{api!r} stands here twice; remove one")
    for name, entry in whole.providers.items():
        # One that is left out may well be of a type that is not installed here.
        if name not in disabled and (problem := plugins.missing("provider", entry.type)):
            raise fault_at(tree, ("providers", name, "type"), problem)
    for name, executor in whole.executors.items():
        if problem := plugins.missing("executor", executor.type):
            raise fault_at(tree, ("executors", name, "type"), problem)
    if whole.store is not None and (problem := plugins.missing("store", whole.store.type)):
        raise fault_at(tree, ("store", "type"), problem)


def _check_names(whole: Distribution, tree: Node) -> None:
    for name, model in whole.models.items():
        path = ("models", name, "provider")
        _known(tree, path, model.provider, whole.providers, "provider")
        _check_fallbacks(whole, tree, name, model)
    for alias, target in whole.aliases.items():
        if not _leads_to_provider(target, whole.providers):
            _known(tree, ("aliases", alias), target, whole.models, "model")
    default = whole.default_model
    if default is not None and not _leads_to_provider(default, whole.providers):
        names = {**whole.models, **{alias: None for alias in whole.aliases if "*" not in alias}}
        _known(tree, ("default_model",), default, names, "model")


def _check_fallbacks(whole: Distribution, tree: Node, name: str, model: ModelEntry) -> None:
    for i, other in enumerate(model.fallbacks):
        path = ("models", name, "fallbacks", i)
        if other == name or other in model.fallbacks[:i]:
            raise fault_at(tree, path, f"{other!r} was asked before it comes to this; remove it")
        if not _leads_to_provider(other, whole.providers):
            _known(tree, path, other, whole.models, "model")


def _known(
    tree: Node, path: tuple[str | int, ...], name: str, known: Iterable[str], what: str
) -> None:
    if name in known:
        return
    raise fault_at(
        tree,
        path,
        f"{shown(tree, path)} is no {what} of this distribution; "
        f"{choices(name, known, f'{what}s')}",
    )


def _leads_to_provider(name: str, providers: Collection[str]) -> bool:
    """`provider/id` may be a model that only the running provider knows."""
    provider, slash, model = name.partition("/")
    return bool(slash and model) and provider in providers


def _without(whole: Distribution, disabled: Collection[str]) -> tuple[Distribution, list[str]]:
    notes = [f"provider {name} is left out by its `when`" for name in disabled]

    def gone(target: str, models: Collection[str]) -> bool:
        if target in whole.models:
            return target not in models
        return target.partition("/")[0] in disabled

    models: dict[str, ModelEntry] = {}
    for name, model in whole.models.items():
        if model.provider in disabled:
            notes.append(f"model {name} is left out with its provider {model.provider}")
        else:
            models[name] = model
    for name, model in models.items():
        for other in (lost := [each for each in model.fallbacks if gone(each, models)]):
            notes.append(f"fallback {other} of model {name} is left out")
        if lost:
            kept = [each for each in model.fallbacks if each not in lost]
            models[name] = model.model_copy(update={"fallbacks": kept})
    aliases: dict[str, str] = {}
    for alias, target in whole.aliases.items():
        if gone(target, models):
            notes.append(f"alias {alias} is left out with its model {target}")
        else:
            aliases[alias] = target
    default = whole.default_model
    if default is not None and gone(whole.aliases.get(default, default), models):
        notes.append(f"default_model {default} is left out: requests must name a model")
        default = None
    changed: dict[str, Any] = {
        "providers": {k: v for k, v in whole.providers.items() if k not in disabled},
        "models": models,
        "aliases": aliases,
        "default_model": default,
    }
    return whole.model_copy(update=changed), notes
