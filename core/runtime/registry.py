"""Which model a name stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..canon.errors import ConfigError, InvalidRequest, UnknownModel
from ..contract.provider import Model, Provider

if TYPE_CHECKING:
    from .distribution import Distribution, ModelEntry

Fidelity = Literal["lenient", "strict"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `name` is what the client calls the model, `model.id` the provider."""

    name: str
    provider: Provider
    model: Model
    fidelity: Fidelity
    fallbacks: tuple[str, ...] = ()


class Registry:
    """The models of a running stack by all the names that they answer to.

    A name is tried as `provider/model`, as a configured model, as an exact alias, as the id of a
    model that only one provider offers, and at last against the glob aliases in the order of the
    distribution. What a configuration names is thus never shadowed by what a server happens to
    offer today.
    """

    def __init__(
        self,
        distribution: Distribution,
        providers: Mapping[str, Provider],
        offers: Mapping[str, Sequence[Model]],
    ) -> None:
        self._default = distribution.default_model
        self._fidelity = distribution.fidelity
        self._providers = providers
        self._aliases = {k: v for k, v in distribution.aliases.items() if not _is_glob(k)}
        self._globs = {k: v for k, v in distribution.aliases.items() if _is_glob(k)}
        self._qualified = {
            f"{name}/{model.id}": Target(
                f"{name}/{model.id}", providers[name], model, self._fidelity
            )
            for name, models in offers.items()
            for model in models
        }
        self._offered = dict(self._unique(offers))
        self._configured = {
            name: self._declared(name, entry, offers[entry.provider])
            for name, entry in distribution.models.items()
        }

    @cached_property
    def _own(self) -> dict[str, Target]:
        """The models by the shortest names that are theirs alone, in the order of the providers."""
        ids = self._offered.keys() | self._configured.keys()
        shared = {full: t for full, t in self._qualified.items() if t.model.id not in ids}
        return {**self._offered, **self._configured, **shared}

    def _unique(self, offers: Mapping[str, Sequence[Model]]) -> Iterator[tuple[str, Target]]:
        """The ids that only one provider offers."""
        ids = [model.id for models in offers.values() for model in models]
        for name, models in offers.items():
            for model in models:
                if ids.count(model.id) == 1:
                    yield model.id, replace(self._qualified[f"{name}/{model.id}"], name=model.id)

    def _declared(self, name: str, entry: ModelEntry, offered: Sequence[Model]) -> Target:
        provider = self._providers[entry.provider]
        fidelity = entry.fidelity or self._fidelity
        fallbacks = tuple(entry.fallbacks)
        if entry.model is None and len(offered) == 1 and not provider.lazy:
            return Target(name, provider, offered[0], fidelity, fallbacks)
        id = entry.model or name
        listed = next((model for model in offered if model.id == id), None)
        model = listed or provider.offer(id)
        if model is None:
            ids = ", ".join(model.id for model in offered) or "none"
            raise ConfigError(
                f"models.{name}: provider {entry.provider!r} offers {ids}; "
                f"name one of them as 'model'"
            )
        return Target(name, provider, model, fidelity, fallbacks)

    def resolve(self, name: str | None) -> Target:
        """The target of a name; raises `UnknownModel` with near matches, 404 in every protocol."""
        name = self._asked(name)
        target = self._settled(name) or self._offered.get(name) or self._globbed(name)
        if target is None:
            raise UnknownModel(self._unknown(name), param="model")
        return target if target.name == name else replace(target, name=name)

    def settled(self, name: str | None) -> bool:
        """Whether no list of a provider's could change what a name stands for."""
        return self._settled(self._asked(name)) is not None

    def _asked(self, name: str | None) -> str:
        if name:
            return name
        if self._default is None:
            raise InvalidRequest("model: field required; name a model", param="model")
        return self._default

    def _settled(self, name: str) -> Target | None:
        target = self._named(name)
        if target is None and name in self._aliases:
            target = self._named(self._aliases[name]) or self._offered.get(self._aliases[name])
        return target

    def _named(self, name: str) -> Target | None:
        return self._qualified.get(name) or self._configured.get(name) or self._untold(name)

    def _untold(self, name: str) -> Target | None:
        """`provider/model` where the provider takes names that it does not list."""
        provider, _, id = name.partition("/")
        if not id or provider not in self._providers:
            return None
        model = self._providers[provider].offer(id)
        if model is None:
            return None
        return Target(name, self._providers[provider], model, self._fidelity)

    def _globbed(self, name: str) -> Target | None:
        to = next((to for glob, to in self._globs.items() if fnmatchcase(name, glob)), None)
        if to is None:
            return None
        return self._settled(to) or self._offered.get(to)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self._own, *self._aliases], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
        known = ", ".join(sorted(self._own)[:10])
        return f"model {name!r} is not served here; {hint or f'this stack has {known}'}"

    def models(self) -> list[Model]:
        """Every model under the names that a client would choose from."""
        return [self.model(name) for name in {**self._own, **self._aliases}]

    def model(self, name: str) -> Model:
        return replace(self.resolve(name).model, id=name)

    def targets(self) -> list[Target]:
        """The models by their own names, without aliases."""
        return list(self._own.values())


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")
