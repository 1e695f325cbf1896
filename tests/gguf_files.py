"""Small GGUF files for tests, written in a moment: any metadata, any tensors, and a tiny encoder.

The weights are random and the same every time. What a model of them says means nothing, but it can
be computed by other means and compared.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy

Tensors = Mapping[str, Any]  # arrays of 32-bit floats, the slowest dimension first
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
ALIGNMENT = 32
RANK = 4  # of adapters


def write(path: Path, metadata: Mapping[str, Any], tensors: Tensors) -> Path:
    pairs = b"".join(_string(key) + _pair(value) for key, value in metadata.items())
    entries, data = b"", b""
    for name, array in tensors.items():
        sizes = array.shape[::-1]
        entries += _string(name) + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
        entries += struct.pack("<IQ", 0, len(data))
        data += _padded(numpy.ascontiguousarray(array, numpy.float32).tobytes())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    path.write_bytes(_padded(head + pairs + entries) + data)
    return path


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _pair(value: Any) -> bytes:
    if not isinstance(value, list):
        kind, data = _scalar(value)
        return struct.pack("<I", kind) + data
    items = [(_I32, struct.pack("<i", i)) if isinstance(i, int) else _scalar(i) for i in value]
    return struct.pack("<IIQ", _ARRAY, items[0][0], len(items)) + b"".join(d for _, d in items)


def _scalar(value: Any) -> tuple[int, bytes]:
    match value:
        case bool():
            return _BOOL, struct.pack("<?", value)
        case int():
            return _U32, struct.pack("<I", value)
        case float():
            return _F32, struct.pack("<f", value)
        case _:
            return _STRING, _string(value)


def adapter(path: Path, architecture: str, pairs: Mapping[str, tuple[Any, Any]]) -> Path:
    """A LoRA adapter that adds B times A, of these pairs (A, B), to weights."""
    told = {
        "general.architecture": architecture,
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": float(RANK),
    }
    halves = {
        f"{name}.lora_{half}": array
        for name, pair in pairs.items()
        for half, array in zip("ab", pair, strict=True)
    }
    return write(path, told, halves)


def low_rank(rows: int, columns: int, seed: int = 0, strength: float = 0.3) -> tuple[Any, Any]:
    """A and B, for a weight of this shape."""
    rng = numpy.random.default_rng(seed)
    a, b = rng.normal(0, strength, (RANK, columns)), rng.normal(0, strength, (rows, RANK))
    return a.astype(numpy.float32), b.astype(numpy.float32)


# A tiny encoder ----------------------------------------------------------------------------------

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 32, 2, 4, 64, 128
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
WORDS = SPECIAL + [f"▁{letter}" for letter in LETTERS] + LETTERS
POOLING = {"none": 0, "mean": 1, "cls": 2, "last": 3, "rank": 4}


def encoder(path: Path, pooling: str = "mean", changes: Tensors | None = None) -> Path:
    """A BERT with two layers and the alphabet for its words; a head that scores, to rank."""
    tensors = weights() | dict(changes or {})
    metadata = _told(pooling)
    if pooling == "rank":
        tensors |= head()
        metadata |= {"bert.classifier.output_labels": ["relevance"]}
    return write(path, metadata, tensors)


def head() -> dict[str, Any]:
    """What makes a score of the first token."""
    rng = numpy.random.default_rng(8)
    found = {"cls.weight": _drawn(rng, WIDTH, WIDTH), "cls.bias": _drawn(rng, WIDTH)}
    return found | {"cls.output.weight": _drawn(rng, 1, WIDTH), "cls.output.bias": _drawn(rng, 1)}


def _told(pooling: str) -> dict[str, Any]:
    kinds = [3] * len(SPECIAL) + [1] * (len(WORDS) - len(SPECIAL))
    ids = {"bos": 2, "cls": 2, "eos": 3, "seperator": 3, "unknown": 1, "padding": 0, "mask": 4}
    told = {
        "general.architecture": "bert",
        "bert.context_length": CONTEXT,
        "bert.embedding_length": WIDTH,
        "bert.feed_forward_length": INNER,
        "bert.block_count": LAYERS,
        "bert.attention.head_count": HEADS,
        "bert.attention.layer_norm_epsilon": 1e-12,
        "bert.attention.causal": False,
        "bert.pooling_type": POOLING[pooling],
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "jina-v2-en",
        "tokenizer.ggml.tokens": WORDS,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.token_type_count": 2,
    }
    return told | {f"tokenizer.ggml.{name}_token_id": id for name, id in ids.items()}


def _drawn(rng: Any, *shape: int) -> Any:
    return rng.normal(0, 0.3, shape).astype(numpy.float32)


def weights() -> dict[str, Any]:
    rng = numpy.random.default_rng(7)
    one, zero = numpy.ones(WIDTH, numpy.float32), numpy.zeros(WIDTH, numpy.float32)
    found = {
        "token_embd.weight": _drawn(rng, len(WORDS), WIDTH),
        "token_types.weight": _drawn(rng, 2, WIDTH),
        "position_embd.weight": _drawn(rng, CONTEXT, WIDTH),
        "token_embd_norm.weight": one,
        "token_embd_norm.bias": zero,
    }
    for layer in range(LAYERS):
        block = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
        block |= {"ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
        for name, shape in block.items():
            found[f"blk.{layer}.{name}.weight"] = _drawn(rng, *shape)
            found[f"blk.{layer}.{name}.bias"] = _drawn(rng, shape[0])
        for name in ("attn_output_norm", "layer_output_norm"):
            found[f"blk.{layer}.{name}.weight"] = one
            found[f"blk.{layer}.{name}.bias"] = zero
    return found
