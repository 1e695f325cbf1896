"""What the files of an MLX model tell before it is loaded."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError
from ..local.config import BUILTIN, CONTEXT
from ..local.families import family
from ..local.installed import lacking
from ..local.known import TEXT_ONLY, Known
from .config import Config

NEEDED = ("mlx", "mlx_lm", "jinja2")
NO_IMAGES = "this model was made for images, but is shown text only: "
REMEDY = "install it with: pip install 'polystack[mlx]'"
VISION_REMEDY = "install it with: pip install 'polystack[vlm]'"


def check_installed() -> None:
    """Raises `ConfigError` where MLX is not, or what it needs; imports nothing."""
    if (reason := lacking(NEEDED)) is not None:
        raise ConfigError(f"MLX is not installed ({reason}); {REMEDY}")


def look(config: Config) -> Known:
    """Raises `ConfigError` for what can be seen to be missing."""
    if config.builtin:
        return _builtin(config)
    for name in ("config.json", "tokenizer.json"):
        if not (config.path / name).is_file():
            raise ConfigError(
                f"{config.path}: there is no {name}; set `model` to the folder of an MLX model, "
                "or to builtin:tiny"
            )
    described = json_of(config.path / "config.json")
    context = room(config, described)
    blind = _blind(config) if "vision_config" in described else TEXT_ONLY
    weights = sum(file.stat().st_size for file in config.path.glob("*.safetensors"))
    size = _cache_bytes_per_token(described.get("text_config") or described)
    template = _template(config.path)
    return Known(
        context,
        template,
        weights + context * size,
        family=None if template else _family(config.path / "tokenizer.json"),
        sees=not blind,
        limits=blind or TEXT_ONLY,
    )


def room(config: Config, described: dict[str, Any]) -> int:
    """The tokens that one conversation may have."""
    told = (described.get("text_config") or {}) | described
    return config.context or min(told.get("max_position_embeddings") or CONTEXT, CONTEXT)


def _blind(config: Config) -> str:
    """Why images are not read with a model that was made for them; empty if they are."""
    if not config.vision:
        return NO_IMAGES + "`vision` is false in its configuration"
    if config.adapter is not None:
        return NO_IMAGES + "it has an `adapter`"
    if find_spec("mlx_vlm") is None:
        return NO_IMAGES + f"mlx-vlm is not installed; {VISION_REMEDY}"
    return ""


def _builtin(config: Config) -> Known:
    import mlx.core as mx

    read: Any = mx.load(str(BUILTIN[config.model]), return_metadata=True)
    told = read[1]
    context = config.context or min(int(told["qwen3.context_length"]), CONTEXT)
    size = _cache_bytes_per_token(
        {
            "num_hidden_layers": int(told["qwen3.block_count"]),
            "num_key_value_heads": int(told["qwen3.attention.head_count_kv"]),
            "head_dim": int(told["qwen3.attention.key_length"]),
        }
    )
    weights = BUILTIN[config.model].stat().st_size
    return Known(context, told["tokenizer.chat_template"], weights + context * size)


def _cache_bytes_per_token(described: dict[str, Any]) -> int:
    """In 16 bits; 0 for what does not tell.

    Memory grows with the conversations here, so there is no size beforehand: what is counted is
    one conversation of full length.
    """

    def number(name: str) -> int:
        value = described.get(name)
        return value if isinstance(value, int) else 0

    heads = number("num_attention_heads")
    width = number("head_dim") or (number("hidden_size") // heads if heads else 0)
    return number("num_hidden_layers") * (number("num_key_value_heads") or heads) * width * 2 * 2


def _template(path: Path) -> str | None:
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    source = json_of(path / "tokenizer_config.json").get("chat_template")
    if isinstance(source, list):  # several by name, of which `default` is for conversations
        source = next((each["template"] for each in source if each["name"] == "default"), None)
    return source if isinstance(source, str) else None


def _family(tokenizer: Path) -> str | None:
    text = tokenizer.read_text("utf-8")
    return family(lambda word: json.dumps(word, ensure_ascii=False) in text)


def json_of(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file."""
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}; fetch the model again") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: is no JSON object; fetch the model again")
    return found
