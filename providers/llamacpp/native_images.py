"""llama.cpp's reader of images behind the same narrow door as the rest of it.

What could abort is checked before: the data is known to be an image of a bearable size, only an
image's chunk is encoded, and one that a model reads all at once fits into a batch. `look` may be
called from any thread; `read` is the owner thread's.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.canon.errors import ConfigError
from . import native

REMEDY = (
    "build it again with images: "
    'CMAKE_ARGS="$CMAKE_ARGS -DLLAVA_BUILD=ON" pip install --force-reinstall --no-deps '
    "--no-cache-dir llama-cpp-python (the README has the flags that are safe on every processor), "
    "or leave `projector` out"
)
TEXT, IMAGE = 0, 1  # the kinds of chunk


def library() -> Any:
    """The bindings of the reader; raises `ConfigError` where the build has left it out."""
    native.library()
    try:
        from llama_cpp import mtmd_cpp
    except (ImportError, OSError, RuntimeError, AttributeError):
        raise ConfigError(
            f"provider llamacpp: `projector` is set, but llama-cpp-python was built without "
            f"images; {REMEDY}"
        ) from None
    mtmd_cpp.mtmd_helper_log_set(native.log_callback(), None)
    return mtmd_cpp


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the reader has cut it; `positions` is the room that it takes in a context."""

    chunk: Any
    positions: int
    owner: Chunks


class Chunks:
    """What one image became; the pictures of it are good for as long as this is."""

    def __init__(self, lib: Any) -> None:
        self.handle = lib.mtmd_input_chunks_init()
        if not self.handle:
            raise MemoryError("the engine has no room for an image")
        weakref.finalize(self, lib.mtmd_input_chunks_free, self.handle)


@dataclass(frozen=True, slots=True)
class Sight:
    """A projector's file, and with what it is run; `batch` is the context's own."""

    path: Path
    threads: int
    batch: int
    gpu: bool


class Eyes:
    """The projector of one file, for one model."""

    webp = False

    def __init__(self, model: native.Model, sight: Sight) -> None:
        self._lib = lib = library()
        self._batch, path = sight.batch, sight.path
        params = lib.mtmd_context_params_default()
        params.n_threads, params.use_gpu = sight.threads, sight.gpu
        params.print_timings = False
        native.forget_words()
        self.handle = lib.mtmd_init_from_file(os.fsencode(path), model.handle, params)
        if not self.handle:
            raise ConfigError(
                f"projector: {path}: the engine cannot use it with this model: "
                f"{' '.join(native.last_words().split())}"
            )
        if not lib.mtmd_support_vision(self.handle):
            self.close()
            raise ConfigError(f"projector: {path}: it reads no images; give the model's own")

    def look(self, data: bytes) -> list[list[int] | Picture]:
        """The tokens and pictures that stand for an image in a prompt; ValueError says why not."""
        lib = self._lib
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = lib.mtmd_helper_bitmap_init_from_buf(self.handle, buffer, len(data), False)
        if not bitmap:
            raise ValueError("the image cannot be decoded; it is damaged, or of another format")
        try:
            return self._pictured(bitmap)
        finally:
            lib.mtmd_bitmap_free(bitmap)

    def _pictured(self, bitmap: Any) -> list[list[int] | Picture]:
        lib, chunks = self._lib, Chunks(self._lib)
        part = lib.mtmd_input_part(None, bitmap)
        parts = (ctypes.POINTER(lib.mtmd_input_part) * 1)(ctypes.pointer(part))
        code = lib.mtmd_tokenize_from_parts(self.handle, chunks.handle, parts, 1, False)
        if code != 0:
            raise ValueError(f"the model's projector cannot take the image (code {code})")
        handles = [
            lib.mtmd_input_chunks_get(chunks.handle, index)
            for index in range(lib.mtmd_input_chunks_size(chunks.handle))
        ]
        return [self._part(handle, chunks) for handle in handles]

    def _part(self, chunk: Any, chunks: Chunks) -> list[int] | Picture:
        lib = self._lib
        if lib.mtmd_input_chunk_get_type(chunk) == TEXT:
            count = ctypes.c_size_t()
            tokens = lib.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
            return list(tokens[: count.value])
        size = int(lib.mtmd_input_chunk_get_n_tokens(chunk))
        # The engine aborts on what must be read at once and does not fit.
        if size > self._batch and lib.mtmd_decode_use_non_causal(self.handle, chunk):
            raise ValueError(
                f"the image has {size} tokens, which this model reads at once, and `batch` is "
                f"{self._batch}; send a smaller one, or raise `batch`"
            )
        return Picture(chunk, int(lib.mtmd_input_chunk_get_n_pos(chunk)), chunks)

    def read(self, context: Any, picture: Picture, sequence: int, start: int) -> int:
        """Encode a picture and put it into a context: the engine's code (0 is success)."""
        lib = self._lib
        if lib.mtmd_input_chunk_get_type(picture.chunk) != IMAGE:
            raise ValueError("only images are read here")
        end = ctypes.c_int32(start)
        return int(
            lib.mtmd_helper_eval_chunk_single(
                self.handle,
                context,
                picture.chunk,
                start,
                sequence,
                self._batch,
                False,
                ctypes.byref(end),
            )
        )

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            self._lib.mtmd_free(handle)
