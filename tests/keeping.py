"""A stack whose one provider keeps its models in memory, or pretends to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import BaseModel

from polystack.core import Model, Provider, ir
from polystack.core.canon.errors import Conflict, Overloaded
from polystack.core.contract.provider import Residence


class Keeper(Provider):
    """Two models: one is `busy` and never goes, one is `large` and never comes."""

    type = "keeper"

    class Config(BaseModel):
        pass

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self._loaded = {"small": False, "busy": True, "large": False}

    async def models(self) -> Sequence[Model]:
        return [Model(id, context_window=1000) for id in self._loaded]

    def residences(self) -> Sequence[Residence]:
        return [
            Residence(
                id,
                "loaded" if loaded else "unloaded",
                memory=3 << 30,
                pinned=id == "busy",
                slots=4,
                running=int(id == "busy"),
                prompt_tokens=100,
                cached_tokens=25,
                output_tokens=70,
                tokens_per_second=12.34 if loaded else None,
            )
            for id, loaded in self._loaded.items()
        ]

    async def load_model(self, model: str) -> None:
        if model == "large":
            raise Overloaded("no room for it now", retry_after=5)
        self._loaded[model] = True

    async def unload_model(self, model: str) -> None:
        if model == "busy":
            raise Conflict("busy is busy")
        self._loaded[model] = False

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        raise AssertionError("nobody asks")
        yield


DISTRIBUTION: dict[str, Any] = {
    "version": 1,
    "name": "kept",
    "apis": ["chat"],
    "providers": {"here": {"type": "keeper"}, "there": {"type": "scripted"}},
    "models": {"main": {"provider": "here", "model": "small"}},
    "aliases": {"gpt-*": "main"},
}
