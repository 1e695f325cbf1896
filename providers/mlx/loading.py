"""A model and its vocabulary: from a folder, or the one that ships.

mlx-lm would look for a name that is no folder on a hub; here it is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError
from ..local.config import BUILTIN
from .adapting import adapt
from .config import Config
from .outline import json_of, room
from .vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Loaded:
    model: Any  # an mlx.nn.Module
    vocabulary: Vocabulary
    context: int


def load(config: Config) -> Loaded:
    """On the thread that will use it: what MLX makes belongs to the thread that made it."""
    loaded = _loaded(config)
    if config.adapted is not None:
        adapt(loaded.model, config.adapted)
    return loaded


def _loaded(config: Config) -> Loaded:
    if config.builtin:
        from .gguf import load as load_gguf

        return load_gguf(BUILTIN[config.model], config.context)
    return _folder(config)


def _folder(config: Config) -> Loaded:
    from mlx_lm.utils import load_model

    path = config.path
    try:
        model, described = load_model(path)
    except Exception as error:  # whatever the code of a model's kind can raise
        raise ConfigError(f"{path}: cannot be loaded: {type(error).__name__}: {error}") from None
    return Loaded(model, words(path, described), room(config, described))


def words(path: Path, described: dict[str, Any]) -> Vocabulary:
    """A folder's vocabulary; `described` is its config.json."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    told = json_of(path / "tokenizer_config.json")
    texts = {name: _text(told.get(name)) for name in ("bos_token", "eos_token")}
    generation = json_of(path / "generation_config.json")
    speaker = described.get("text_config") or {}
    ends = _ids(*(each.get("eos_token_id") for each in (generation, described, speaker)))
    if (end := tokenizer.token_to_id(texts["eos_token"])) is not None:
        ends.add(end)
    return Vocabulary(tokenizer, ends, texts)


def _text(token: Any) -> str:
    """A special token, as text or as an object that has one."""
    return token if isinstance(token, str) else str((token or {}).get("content", ""))


def _ids(*found: Any) -> set[int]:
    ids: set[int] = set()
    for each in found:
        ids |= set(each) if isinstance(each, list) else {each} if isinstance(each, int) else set()
    return ids
