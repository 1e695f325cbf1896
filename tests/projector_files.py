"""Projectors for the tiny model, written in a moment: they see, and what they see means nothing.

28 x 28 pixels become four patches of 14 x 14, and each of them, or all four together, a row of the
tiny model's size. The weights are random and the same every time.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from gguf_files import ALIGNMENT, write

from polystack.providers.local.config import BUILTIN

WIDTH = 192  # of the tiny model
INNER, WIDE, IMAGE, PATCH, LAYERS = 64, 128, 28, 14, 2
TOKENS = (IMAGE // PATCH) ** 2


def projector(path: Path, width: int = WIDTH, seed: int = 7) -> Path:
    """A projector as LLaVA's: images of one size, and a position for each row."""
    some = _weights(seed)
    tensors = _tower(some) | {
        "v.position_embd.weight": some(TOKENS + 1, INNER),
        "v.class_embd": some(INNER),
        "v.pre_ln.weight": numpy.ones(INNER),
        "v.pre_ln.bias": some(INNER),
        "mm.0.weight": some(width, INNER),
        "mm.0.bias": some(width),
        "mm.2.weight": some(width, width),
        "mm.2.bias": some(width),
    }
    return write(path, _described("mlp", width), tensors)


def merger(path: Path, seed: int = 7) -> Path:
    """One as Qwen's: images of any size, whose rows stand in a plane and take fewer positions."""
    some = _weights(seed)
    merged = 4 * INNER
    tensors = _tower(some) | {
        "v.patch_embd.weight.1": some(INNER, 3, PATCH, PATCH),
        "mm.0.weight": some(merged, merged),
        "mm.0.bias": some(merged),
        "mm.2.weight": some(WIDTH, merged),
        "mm.2.bias": some(WIDTH),
    }
    return write(path, _described("qwen2vl_merger", WIDTH), tensors)


def planar(path: Path) -> Path:
    """The tiny model as one whose positions have several dimensions; text means what it did."""
    data = BUILTIN["builtin:tiny"].read_bytes()
    entries = struct.unpack("<Q", data[16:24])[0]
    sections = b"".join(struct.pack("<i", size) for size in (8, 4, 4, 0))
    added = _string(b"qwen3vl.rope.dimension_sections") + struct.pack("<IIQ", 9, 5, 4) + sections
    found = re.finditer(rb"(.{8})qwen3\.[a-z_.]+", data, re.DOTALL)
    names = [each for each in found if struct.unpack("<Q", each[1])[0] == len(each[0]) - 8]
    old = _string(b"general.architecture") + struct.pack("<I", 8) + _string(b"qwen3")
    new = old[: -len(_string(b"qwen3"))] + _string(b"qwen3vl")
    # What is added fills whole blocks, so that the weights stay where the header says.
    filler = _string(b"test.filler") + struct.pack("<I", 8)
    grown = len(added) + 2 * len(names) + 2 + len(filler) + 8
    added += filler + _string(b"x" * (-grown % ALIGNMENT))
    for each in names:
        named = each[0][8:].replace(b"qwen3", b"qwen3vl")
        data = data.replace(each[0], _string(named), 1)
    assert old in data
    data = data.replace(old, new, 1)
    path.write_bytes(data[:16] + struct.pack("<Q", entries + 2) + added + data[24:])
    return path


def _string(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def _weights(seed: int) -> Callable[..., Any]:
    random = numpy.random.default_rng(seed)
    return lambda *shape: random.normal(0, 0.2, shape)


def _described(kind: str, width: int) -> dict[str, Any]:
    return {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": kind,
        "clip.use_gelu": True,
        "clip.vision.image_size": IMAGE,
        "clip.vision.patch_size": PATCH,
        "clip.vision.embedding_length": INNER,
        "clip.vision.feed_forward_length": WIDE,
        "clip.vision.block_count": LAYERS,
        "clip.vision.projection_dim": width,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }


def _tower(some: Callable[..., Any]) -> dict[str, Any]:
    """What looks at the patches, layer by layer."""
    tensors = {
        "v.patch_embd.weight": some(INNER, 3, PATCH, PATCH),
        "v.post_ln.weight": numpy.ones(INNER),
        "v.post_ln.bias": some(INNER),
    }
    for layer in range(LAYERS):
        block = f"v.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors |= {f"{block}.{name}.weight": some(INNER, INNER)}
            tensors |= {f"{block}.{name}.bias": some(INNER)}
        for name in ("ln1", "ln2"):
            tensors |= {f"{block}.{name}.weight": numpy.ones(INNER)}
            tensors |= {f"{block}.{name}.bias": some(INNER)}
        tensors |= {f"{block}.ffn_up.weight": some(WIDE, INNER), f"{block}.ffn_up.bias": some(WIDE)}
        tensors |= {f"{block}.ffn_down.weight": some(INNER, WIDE)}
        tensors |= {f"{block}.ffn_down.bias": some(INNER)}
    return tensors


def png(red: int, green: int, blue: int, side: int = IMAGE, height: int | None = None) -> bytes:
    """A square of one colour."""
    height = side if height is None else height
    rows = (b"\0" + bytes([red, green, blue]) * side) * height
    head = struct.pack(">IIBBBBB", side, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
