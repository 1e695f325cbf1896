"""The provider: an MLX model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ...core.contract.provider import ConfigModel
from ..local.embedding import Reads
from ..local.hub import fetch_folder, reference
from ..local.known import Known
from ..local.provider import Local
from ..local.resident import Resident, TextEngine
from .adapting import FILES as ADAPTER
from .adapting import check
from .config import Config as Settings
from .engine import Engine
from .outline import check_installed, look

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
        check_installed()
        if (wanted := reference(self.config.model)) is not None:
            self.config = self.config.at(await asyncio.to_thread(fetch_folder, wanted, FILES))
        if self.config.adapter is not None:
            await asyncio.to_thread(self._find, self.config.adapter)
        found = await asyncio.to_thread(look, self.config)
        if found.sees:
            return found
        return replace(found, reads=Reads(min(self.config.embedding_context, found.context)))

    def _find(self, adapter: str) -> None:
        if (wanted := reference(adapter)) is not None:
            path = fetch_folder(wanted, ADAPTER)
            self.config = self.config.model_copy(update={"adapter": str(path)})
        check(Path(self.config.adapter or "").expanduser())

    def _features(self, resident: Resident | None) -> set[str]:
        found = super()._features(resident)
        return found - {"prefix_cache"} if self._known.sees else found

    def engine(self) -> TextEngine:
        if self._known.sees:
            from .seeing import Seer

            return Seer(self.config)
        return Engine(self.config)
