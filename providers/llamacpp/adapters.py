"""Adapters (LoRA): small changes to a model's weights, each in a GGUF file of its own.

What the engine would abort on is found in the file's header and refused in words: the engine looks
at names and sizes, but believes the types, and multiplies whatever numbers it is given.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...core.canon.errors import ConfigError
from .gguf import BadGGUF, Header, Tensor, read_header
from .native import Model, last_words

F32, STRING = 6, 8  # types of metadata
FLOATS = frozenset({0, 1, 8, 30})  # types of tensors: F32, F16, Q8_0, BF16; no converter has more
A, B = ".lora_a", ".lora_b"


class Adapter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1)
    """A GGUF file, or `hf:owner/repo:file` on the hub."""
    scale: float = Field(1.0, ge=-100, le=100, allow_inf_nan=False)
    """How strongly it works; 0 is not at all."""

    @property
    def file(self) -> Path:
        return Path(self.path).expanduser()


def check(adapter: Adapter, base: Header) -> None:
    """Raises `ConfigError` with the path and the reason if it is no adapter of this model."""
    path = adapter.file
    try:
        problems = list(_problems(read_header(path), base))
    except FileNotFoundError:
        raise ConfigError(f"adapters: {path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"adapters: {path}: cannot be read: {error.strerror}") from None
    except BadGGUF as error:
        raise ConfigError(f"adapters: {path}: {error}; download or convert it again") from None
    if problems:
        raise ConfigError(f"adapters: {path}: {problems[0]}")


def _problems(header: Header, base: Header) -> Iterator[str]:
    told, types = header.metadata, header.types
    for key, wanted in ("general.type", "adapter"), ("adapter.type", "lora"):
        if types.get(key) != STRING or told[key] != wanted:
            yield f"it is no LoRA adapter: its {key} is {told.get(key)!r}, not {wanted!r}"
    made = header.architecture
    if types.get("general.architecture") != STRING or made != base.architecture:
        yield f"it was made for a model of kind {made!r}, and this one is {base.architecture!r}"
    if types.get("adapter.lora.alpha", F32) != F32:
        yield "its header is corrupt: adapter.lora.alpha is no 32-bit number"
    if "adapter.alora.invocation_tokens" in told:
        yield "it only works behind certain tokens (aLoRA), which is not supported"
    for name in header.entries:
        yield from _tensor_problems(name, header, base)


def _tensor_problems(name: str, header: Header, base: Header) -> Iterator[str]:
    if name.endswith("_norm.weight"):  # which the engine leaves out
        return
    if not name.endswith((A, B)):
        yield f"its tensor {name} is no part of an adapter"
        return
    target = name.removesuffix(A).removesuffix(B)
    pair = header.entries.get(target + A), header.entries.get(target + B)
    if pair[0] is None or pair[1] is None:
        yield f"it has only one half of the tensor {target}"
    elif "split.count" not in base.metadata:  # else the tensor may be in another file
        weight = base.entries.get(target)
        if weight is None:
            yield f"it changes {target}, which this model does not have: was it made for another?"
        elif not _fits(target, weight, pair[0], pair[1]):
            yield f"its tensor {target} does not fit this model: was it made for another?"


def _fits(name: str, weight: Tensor, a: Tensor, b: Tensor) -> bool:
    if {a.type, b.type} - FLOATS or not (len(weight.shape) == len(a.shape) == len(b.shape) >= 2):
        return False
    if name.endswith("token_embd.weight"):  # the two are the other way round there
        outer = weight.shape[0] == b.shape[1] and weight.shape[1] == a.shape[1]
    else:
        outer = weight.shape[0] == a.shape[0] and weight.shape[1] == b.shape[1]
    inner = a.shape[0] if name.endswith("token_embd.weight") else a.shape[1]
    return outer and inner == b.shape[0] > 0 and weight.shape[2:] == a.shape[2:] == b.shape[2:]


class Adapted:
    """The adapters of a model that is loaded; the engine frees them with it."""

    def __init__(self, model: Model, adapters: Sequence[Adapter]) -> None:
        self._lib = model.lib
        handles = [_loaded(model, adapter) for adapter in adapters]
        self._count = len(handles)
        self._handles = (ctypes.c_void_p * self._count)(*handles)
        self._scales = (ctypes.c_float * self._count)(*(each.scale for each in adapters))

    def __call__(self, context: Any) -> None:
        """Let them work in a context, before anything is decoded in it."""
        handles = ctypes.cast(self._handles, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))
        self._lib.llama_set_adapters_lora(context, handles, self._count, self._scales)


def _loaded(model: Model, adapter: Adapter) -> Any:
    handle = model.lib.llama_adapter_lora_init(model.handle, os.fsencode(adapter.file))
    if not handle:
        raise ConfigError(
            f"adapters: {adapter.file}: the engine cannot load this adapter: {last_words()}"
        )
    return ctypes.cast(handle, ctypes.c_void_p).value


def load(lib: Any, path: Path, gpu_layers: int, adapters: Sequence[Adapter]) -> Model:
    """A model with its adapters, which work in every context that is made of it."""
    model = Model(lib, path, gpu_layers)
    try:
        if adapters:
            model.adapt = Adapted(model, adapters)
    except ConfigError:
        model.close()
        raise
    return model
