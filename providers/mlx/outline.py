"""What the files of an MLX model tell before it is loaded."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError
from ..local.config import BUILTIN, CONTEXT
from ..local.known import Known
from .config import Config

REMEDY = "install it with: pip install 'polystack[mlx]'"


def look(config: Config) -> Known:
    """Raises `ConfigError` for what can be seen to be missing."""
    if find_spec("mlx_lm") is None:
        raise ConfigError(f"MLX is not installed; {REMEDY}")
    if config.builtin:
        return _builtin(config)
    for name in ("config.json", "tokenizer.json"):
        if not (config.path / name).is_file():
            raise ConfigError(
                f"{config.path}: there is no {name}; set `model` to the folder of an MLX model, "
                "or to builtin:tiny"
            )
    limit = json_of(config.path / "config.json").get("max_position_embeddings") or CONTEXT
    return Known(config.context or min(limit, CONTEXT), _template(config.path))


def _builtin(config: Config) -> Known:
    import mlx.core as mx

    read: Any = mx.load(str(BUILTIN[config.model]), return_metadata=True)
    told = read[1]
    limit = int(told["qwen3.context_length"])
    return Known(config.context or min(limit, CONTEXT), told["tokenizer.chat_template"])


def _template(path: Path) -> str | None:
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    source = json_of(path / "tokenizer_config.json").get("chat_template")
    if isinstance(source, list):  # several by name, of which `default` is for conversations
        source = next((each["template"] for each in source if each["name"] == "default"), None)
    return source if isinstance(source, str) else None


def json_of(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file."""
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}; fetch the model again") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: is no JSON object; fetch the model again")
    return found
