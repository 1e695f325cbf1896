"""Models that see, through mlx-vlm: how one is loaded, and what an image becomes for it.

This file and `seeing` are the ones that know mlx-vlm's moving API. Images are prepared on any
thread, as arrays of numpy, for what MLX makes belongs to the thread that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ...core.canon.errors import ConfigError, NotSupported
from ..local.prefix import common_prefix
from .config import Config
from .loading import words
from .outline import json_of, room
from .vocabulary import Vocabulary

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
WORD = "images"  # that a template is asked to show an image beside


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image as the model reads it: among its tokens, and in arrays that are the processor's."""

    image: Any  # Pillow's
    tokens: list[int]
    arrays: dict[str, Any]

    @property
    def positions(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Sight:
    """A model that sees, and what goes with it."""

    model: Any  # an mlx.nn.Module
    eyes: Eyes
    vocabulary: Vocabulary
    context: int


class Eyes:
    """A model's processor of images; any thread may use it."""

    webp = True

    def __init__(self, processor: Any, placeholder: str, index: int | None) -> None:
        self._processor = processor
        self._placeholder = placeholder
        self._index = index
        self._lock = threading.Lock()  # a tokenizer serves one at a time

    def look(self, data: bytes) -> list[list[int] | Picture]:
        image = _opened(data)
        try:
            # In a thread of its own, for a thread that leaves MLX cannot come back to it.
            with ThreadPoolExecutor(1) as own:
                return [Picture(image, *own.submit(self._left, image).result())]
        except Exception as error:  # whatever the code of a model's kind can raise
            raise ValueError(f"the model cannot take the image: {_told(error)}") from None

    def _left(self, image: Any) -> tuple[list[int], dict[str, Any]]:
        try:
            return self._prepared([image])
        finally:
            leave()

    def together(self, pictures: Sequence[Picture]) -> dict[str, Any]:
        """The arrays of several images; how they are put together is the processor's business."""
        if len(pictures) < 2:
            return pictures[0].arrays if pictures else {}
        tokens, arrays = self._prepared([picture.image for picture in pictures])
        if tokens != [token for picture in pictures for token in picture.tokens]:
            raise NotSupported("this model reads one image in a conversation; send one")
        return arrays

    def _prepared(self, images: list[Any]) -> tuple[list[int], dict[str, Any]]:
        from mlx_vlm.utils import prepare_inputs

        with self._lock:
            found = prepare_inputs(
                self._processor,
                images=images,
                prompts=self._placeholder * len(images),
                image_token_index=self._index,
                add_special_tokens=False,
            )
        tokens = _plain(found.pop("input_ids")).reshape(-1).tolist()
        found.pop("attention_mask", None)
        return tokens, {name: _plain(value) for name, value in found.items()}


def load(config: Config) -> Sight:
    """On the thread that will use it."""
    from mlx_vlm import utils

    path = config.path
    described = json_of(path / "config.json")
    try:
        vocabulary = words(path, described)
        with _no_code(described):
            model, processor = utils.load(str(path), trust_remote_code=False)
        placeholder = _placeholder(processor, model.config, vocabulary)
        eyes = Eyes(processor, placeholder, getattr(model.config, "image_token_index", None))
    except Exception as error:  # whatever the code of a model's kind can raise
        raise ConfigError(
            f"{path}: mlx-vlm cannot load it: {_told(error)}; `vision: false` serves it as a "
            "model for text"
        ) from None
    return Sight(model, eyes, vocabulary, room(config, described))


@contextmanager
def _no_code(described: dict[str, Any]) -> Iterator[None]:
    """Code that comes with a model is never run, whatever the processor of its kind asks for."""
    from transformers import dynamic_module_utils

    def refused(*_: Any, **__: Any) -> Any:
        raise ValueError("it brings code of its own, which is not run")

    if "model_file" in described:
        refused()
    run = dynamic_module_utils.get_class_in_module
    dynamic_module_utils.get_class_in_module = refused
    try:
        yield
    finally:
        dynamic_module_utils.get_class_in_module = run


def _placeholder(processor: Any, config: Any, vocabulary: Vocabulary) -> str:
    """What stands for an image in this model's prompts: what a template writes more with one."""
    from mlx_vlm.prompt_utils import apply_chat_template

    without, one = (
        str(apply_chat_template(processor, config, WORD, num_images=count)) for count in (0, 1)
    )
    start, more = common_prefix(without, one), len(one) - len(without)
    if more <= 0 or one[start + more :] != without[start:]:
        raise ValueError("its chat template does not show images")
    # What follows may begin as an image does, so that it is not clear where that begins.
    shared = common_prefix(one[:start][::-1], one[: start + more][::-1])
    found = (one[start - back :][:more] for back in range(shared + 1))
    return min(found, key=lambda text: len(vocabulary.tokenize(text, False)))


def _opened(data: bytes) -> Any:
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception:  # of a damaged file
        raise ValueError(
            "the image cannot be decoded; it is damaged, or of another format"
        ) from None


def leave() -> None:
    """The last of a thread with MLX; what still worked for it would abort the process's end."""
    import mlx.core as mx

    mx.synchronize()
    mx.clear_streams()


def _plain(value: Any) -> Any:
    """Arrays that belong to no thread."""
    import mlx.core as mx
    import numpy

    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, mx.array) and value.dtype == mx.bfloat16:
        value = value.astype(mx.float32)
    return numpy.array(value) if isinstance(value, mx.array) else value


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
