"""The check of what a provider says it has."""

from __future__ import annotations

from collections import Counter

from ..contract.provider import Model
from ..runtime.plugins import Plugins
from .bench import Bench


async def models(bench: Bench) -> None:
    """The models have ids of their own, sizes that can be, and natives that are installed APIs."""
    async with bench.started():
        listed = await bench.within(
            bench.provider.models(), "models()", "models() lists what is on offer"
        )
        if not listed and not bench.provider.lazy:
            bench.saw("models() is empty", "a provider that is not lazy lists its models")
        rule = "each model has an id of its own"
        for id, times in Counter(getattr(model, "id", None) for model in listed).items():
            if times > 1:
                bench.saw(f"{times} models are called {id!r}", rule)
        for model in listed:
            _look_at(bench, model)


def _look_at(bench: Bench, model: Model) -> None:
    if not isinstance(model, Model):
        bench.saw(f"models() lists {model!r:.80}", "models() lists instances of Model")
        return
    if not (isinstance(model.id, str) and model.id.strip()):
        bench.saw(f"a model's id is {model.id!r}", "an id is a text that is not empty")
    for field in ("context_window", "max_output"):
        size = getattr(model, field)
        if size is not None and not (type(size) is int and size > 0):
            bench.saw(f"{model.id}: {field} is {size!r}", "a size is a positive int, or None")
    known = {plugin.type for plugin in Plugins().list("api")}
    for name in sorted(set(model.native) - known):
        rule = f"native names installed APIs: {', '.join(sorted(known))}"
        bench.saw(f"{model.id}: native holds {name!r}", rule)
