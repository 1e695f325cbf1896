"""The provider: an MLX model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from ...core.contract.provider import ConfigModel
from ..local.hub import fetch_folder, reference
from ..local.known import Known
from ..local.provider import Local
from .batching import Batcher
from .config import Config as Settings
from .outline import look

FILES = ("*.json", "*.safetensors", "*.jinja")  # of a repository


class Mlx(Local):
    type: ClassVar[str] = "mlx"
    Config: ClassVar[ConfigModel] = Settings
    features: ClassVar[frozenset[str]] = frozenset(
        {"streaming", "logprobs", "seed", "prefix_cache"}
    )
    constrains: ClassVar[bool] = True
    config: Settings

    @classmethod
    def probe(cls) -> Sequence[str]:
        return ["polystack.providers.mlx.doctor"]

    async def known(self) -> Known:
        if (wanted := reference(self.config.model)) is not None:
            self.config = self.config.at(await asyncio.to_thread(fetch_folder, wanted, FILES))
        return await asyncio.to_thread(look, self.config)

    def engine(self) -> Batcher:
        return Batcher(self.config)
