"""A LoRA adapter (or other fine-tuned weights) on top of an MLX model, as mlx-lm makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError

FILES = ("adapter_config.json", "adapters.safetensors")


def check(path: Path) -> None:
    """Raises `ConfigError` for what can be seen to be missing."""
    for name in FILES:
        if not (path / name).is_file():
            raise ConfigError(
                f"adapter: {path}: there is no {name}; give the folder of an mlx-lm adapter"
            )


def adapt(model: Any, path: Path) -> None:
    """Raises `ConfigError` with the reason if it is no adapter of this model."""
    from mlx_lm.utils import load_adapters

    try:
        load_adapters(model, str(path))
    except Exception as error:  # whatever a broken file or another model's makes of it
        # Where several tensors do not fit, the first of them is on the second line.
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise ConfigError(
            f"adapter: {path}: does not go with this model: {type(error).__name__}: {reason}"
        ) from None
    model.eval()  # a new layer has its dropout on
