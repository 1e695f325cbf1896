"""Which model a name stands for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from ..canon.errors import ConfigError, InvalidRequest, UnknownModel
from ..contract.provider import Model, Provider
from .config import Distribution

Fidelity = Literal["lenient", "strict"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `name` is what the client calls the model, `model.id` the provider."""

    name: str
    provider: Provider
    model: Model
    fidelity: Fidelity


class Registry:
    """The models of a running stack by all the names that they answer to.

    A name is tried as `provider/model`, as a model's own name, as an exact alias and at last
    against the glob aliases in the order of the distribution. A model that a provider offers is
    served as `provider/id`, and as plain `id` where only one provider has it.
    """

    def __init__(
        self,
        distribution: Distribution,
        providers: Mapping[str, Provider],
        offers: Mapping[str, Sequence[Model]],
    ) -> None:
        self._default = distribution.default_model
        self._fidelity = distribution.fidelity
        self._exact: dict[str, Target] = {}
        self._qualified: dict[str, Target] = {}
        self._aliases = {k: v for k, v in distribution.aliases.items() if not _is_glob(k)}
        self._globs = {k: v for k, v in distribution.aliases.items() if _is_glob(k)}
        self._discover(providers, offers)
        self._declare(distribution, providers, offers)

    def _discover(
        self, providers: Mapping[str, Provider], offers: Mapping[str, Sequence[Model]]
    ) -> None:
        holders: dict[str, list[str]] = {}
        for name, models in offers.items():
            for model in models:
                holders.setdefault(model.id, []).append(name)
                qualified = f"{name}/{model.id}"
                target = Target(qualified, providers[name], model, self._fidelity)
                self._qualified[qualified] = target
        for model_id, names in holders.items():
            if len(names) == 1:
                target = self._qualified[f"{names[0]}/{model_id}"]
                self._exact[model_id] = replace(target, name=model_id)

    def _declare(
        self,
        distribution: Distribution,
        providers: Mapping[str, Provider],
        offers: Mapping[str, Sequence[Model]],
    ) -> None:
        for name, entry in distribution.models.items():
            offered = offers[entry.provider]
            wanted = [m for m in offered if entry.model in (None, m.id)]
            if len(wanted) != 1:
                ids = ", ".join(model.id for model in offered) or "none"
                raise ConfigError(
                    f"models.{name}: provider {entry.provider!r} offers {ids}; "
                    f"name one of them as 'model'"
                )
            fidelity = entry.fidelity or self._fidelity
            self._exact[name] = Target(name, providers[entry.provider], wanted[0], fidelity)

    def resolve(self, name: str | None) -> Target:
        """The target of a name; raises `UnknownModel` with near matches, 404 in every protocol."""
        if name is None or name == "":
            if self._default is None:
                raise InvalidRequest("model: field required; name a model", param="model")
            name = self._default
        for attempt in (name, self._aliases.get(name), self._globbed(name)):
            if attempt is not None:
                target = self._qualified.get(attempt) or self._exact.get(attempt)
                if target is not None:
                    return replace(target, name=name)
        raise UnknownModel(self._unknown(name), param="model")

    def _globbed(self, name: str) -> str | None:
        return next((to for glob, to in self._globs.items() if fnmatchcase(name, glob)), None)

    def _unknown(self, name: str) -> str:
        shared = [full for full, t in self._qualified.items() if t.model.id not in self._exact]
        names = [*self._exact, *self._aliases, *shared]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
        known = ", ".join(sorted(self._exact)[:10])
        return f"model {name!r} is not served here; {hint or f'this stack has {known}'}"

    def models(self) -> list[Model]:
        """Every model under the names that a client would choose from."""
        names = [*self._exact, *(alias for alias in self._aliases if alias not in self._exact)]
        return [self.model(name) for name in names]

    def model(self, name: str) -> Model:
        return replace(self.resolve(name).model, id=name)

    def targets(self) -> list[Target]:
        """The models by their own names, without aliases."""
        return list(self._exact.values())


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")
