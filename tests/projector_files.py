"""A projector for the tiny model, written in a moment: it sees, and what it sees means nothing.

28 x 28 pixels become four patches of 14 x 14, and each of them a row of the tiny model's size. The
weights are random and the same every time.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy
from gguf_files import write

WIDTH = 192  # of the tiny model
INNER, WIDE, IMAGE, PATCH, LAYERS = 64, 128, 28, 14, 2
TOKENS = (IMAGE // PATCH) ** 2


def projector(path: Path, width: int = WIDTH) -> Path:
    random = numpy.random.default_rng(7)

    def some(*shape: int) -> object:
        return random.normal(0, 0.2, shape)

    metadata = {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
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
    tensors = {
        "v.patch_embd.weight": some(INNER, 3, PATCH, PATCH),
        "v.position_embd.weight": some(TOKENS + 1, INNER),
        "v.class_embd": some(INNER),
        "mm.0.weight": some(width, INNER),
        "mm.0.bias": some(width),
        "mm.2.weight": some(width, width),
        "mm.2.bias": some(width),
    }
    for name in ("v.pre_ln", "v.post_ln"):
        tensors |= {f"{name}.weight": numpy.ones(INNER), f"{name}.bias": some(INNER)}
    for layer in range(LAYERS):
        block = f"v.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors |= {f"{block}.{name}.weight": some(INNER, INNER)}
            tensors |= {f"{block}.{name}.bias": some(INNER)}
        for name in ("ln1", "ln2"):
            tensors |= {f"{block}.{name}.weight": numpy.ones(INNER)}
            tensors |= {f"{block}.{name}.bias": some(INNER)}
        # This format's `down` leads into the wide layer, as older files have it.
        tensors |= {f"{block}.ffn_up.weight": some(WIDE, INNER), f"{block}.ffn_up.bias": some(WIDE)}
        tensors |= {f"{block}.ffn_down.weight": some(INNER, WIDE)}
        tensors |= {f"{block}.ffn_down.bias": some(INNER)}
    return write(path, metadata, tensors)


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
