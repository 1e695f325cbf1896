"""What a distribution may say about an MLX model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ..local.config import BUILTIN, LocalConfig
from ..local.hub import reference


class Config(LocalConfig):
    model: str = Field(
        description="`builtin:tiny`, the path of a folder with an MLX model, or `hf:owner/repo`",
        min_length=1,
    )
    prefill_chunk: int = Field(
        512, ge=16, le=16_384, description="tokens of a prompt that are read in one step"
    )
    adapter: str | None = Field(
        None,
        min_length=1,
        description="the folder of a LoRA adapter as mlx-lm makes them, or `hf:owner/repo`",
    )
    vision: bool = Field(
        True, description="read images, if the model was made for them and mlx-vlm is installed"
    )
    pooling: Literal["mean", "cls", "last"] = Field(
        "mean", description="how the rows of a text become its embedding"
    )
    embedding_context: int = Field(
        2048, ge=16, le=2**20, description="tokens that one text to be embedded may have"
    )

    @property
    def adapted(self) -> Path | None:
        return None if self.adapter is None else Path(self.adapter).expanduser()

    @property
    def path(self) -> Path:
        return Path(self.model).expanduser()

    @property
    def builtin(self) -> bool:
        return self.model in BUILTIN

    @property
    def name(self) -> str:
        if self.id is not None:
            return self.id
        if self.builtin:
            return self.model.partition(":")[2]
        wanted = reference(self.model)
        return Path(wanted.repo).name if wanted else self.path.resolve().name
