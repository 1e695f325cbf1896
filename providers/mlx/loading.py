"""A model, its vocabulary and its chat template: from a folder, or the one that ships.

mlx-lm would look for a name that is no folder on a hub; here it is an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError
from ..local.config import BUILTIN, CONTEXT
from .config import Config
from .vocabulary import Vocabulary

REMEDY = "install it with: pip install 'polystack[mlx]'"


@dataclass(frozen=True, slots=True)
class Loaded:
    model: Any  # an mlx.nn.Module
    vocabulary: Vocabulary
    template: str | None
    context: int


def check(config: Config) -> None:
    """Raises `ConfigError` for what can be seen to be missing before anything is loaded."""
    from importlib.util import find_spec

    if find_spec("mlx_lm") is None:
        raise ConfigError(f"MLX is not installed; {REMEDY}")
    if config.builtin:
        return
    for name in ("config.json", "tokenizer.json"):
        if not (config.path / name).is_file():
            raise ConfigError(
                f"{config.path}: there is no {name}; set `model` to the folder of an MLX model, "
                "or to builtin:tiny"
            )


def load(config: Config) -> Loaded:
    """On the thread that will use it: what MLX makes belongs to the thread that made it."""
    if config.builtin:
        from .gguf import load as load_gguf

        return load_gguf(BUILTIN[config.model], config.context)
    return _folder(config.path, config.context)


def _folder(path: Path, context: int | None) -> Loaded:
    from mlx_lm.utils import load_model
    from tokenizers import Tokenizer

    try:
        model, described = load_model(path)
    except Exception as error:  # whatever the code of a model's kind can raise
        raise ConfigError(f"{path}: cannot be loaded: {type(error).__name__}: {error}") from None
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    told = _json(path / "tokenizer_config.json")
    texts = {name: _text(told.get(name)) for name in ("bos_token", "eos_token")}
    generation = _json(path / "generation_config.json")
    ends = _ids(generation.get("eos_token_id"), described.get("eos_token_id"))
    if (end := tokenizer.token_to_id(texts["eos_token"])) is not None:
        ends.add(end)
    limit = described.get("max_position_embeddings") or CONTEXT
    return Loaded(
        model,
        Vocabulary(tokenizer, ends, texts),
        _template(path, told),
        context or min(limit, CONTEXT),
    )


def _template(path: Path, told: dict[str, Any]) -> str | None:
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    source = told.get("chat_template")
    if isinstance(source, list):  # several by name, of which `default` is for conversations
        source = next((each["template"] for each in source if each["name"] == "default"), None)
    return source if isinstance(source, str) else None


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _text(token: Any) -> str:
    """A special token, as text or as an object that has one."""
    return token if isinstance(token, str) else str((token or {}).get("content", ""))


def _ids(*found: Any) -> set[int]:
    ids: set[int] = set()
    for each in found:
        ids |= set(each) if isinstance(each, list) else {each} if isinstance(each, int) else set()
    return ids
