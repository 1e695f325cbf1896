"""The model that ships with its weights made f16, for each engine in the form that it reads.

The file holds q8_0. Both engines get the same numbers from it, so what they compute may differ by
no more than what the order of additions does.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from polystack.providers.llamacpp.gguf import ALIGNMENT, _Reader, read_header
from polystack.providers.local.config import BUILTIN

SOURCE = BUILTIN["builtin:tiny"]
F32, F16, Q8_0 = 0, 1, 8
BLOCK = numpy.dtype([("scale", "<f2"), ("values", "i1", 32)])  # of q8_0


class _Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def gguf(target: Path, kind: int = F16) -> Path:
    """The same file with other weights; what was not quantised stays as it was."""
    data = SOURCE.read_bytes()
    reader: Any = _Reader(data)  # type: ignore[arg-type]
    reader.skip(8)
    tensors, pairs = reader.scalar("Q"), reader.scalar("Q")
    for _ in range(pairs):
        reader.string()
        reader.value(reader.scalar("I"))
    head = data[: reader.at]
    found = [_tensor(reader) for _ in range(tensors)]
    start = _aligned(reader.at)
    infos, bodies, offset = b"", b"", 0
    for tensor in found:
        body, now = _weights(data, start, tensor, kind)
        infos += struct.pack("<Q", len(tensor.name)) + tensor.name.encode()
        infos += struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        infos += struct.pack("<IQ", now, offset)
        bodies += body.ljust(_aligned(len(body)), b"\0")
        offset = len(bodies)
    top = head + infos
    target.write_bytes(top.ljust(_aligned(len(top)), b"\0") + bodies)
    return target


def _tensor(reader: Any) -> _Tensor:
    name, rank = reader.string(), reader.scalar("I")
    shape = tuple(reader.scalar("Q") for _ in range(rank))
    return _Tensor(name, shape, reader.scalar("I"), reader.scalar("Q"))


def _weights(data: bytes, start: int, tensor: _Tensor, kind: int) -> tuple[bytes, int]:
    count, at = int(numpy.prod(tensor.shape)), start + tensor.offset
    if tensor.kind != Q8_0:
        assert tensor.kind == F32
        return data[at : at + 4 * count], F32
    blocks = numpy.frombuffer(data, BLOCK, count // 32, at)
    values = blocks["scale"].astype("<f4")[:, None] * blocks["values"]
    return values.astype("<f4" if kind == F32 else "<f2").tobytes(), kind


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def folder(target: Path, source: Path) -> Path:
    """What MLX reads, of such a file."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from polystack.providers.mlx.gguf import load

    loaded = load(source, None)
    target.mkdir()
    weights: Any = tree_flatten(loaded.model.parameters())
    half = {name: array.astype(mx.float16) for name, array in weights}
    mx.save_safetensors(str(target / "model.safetensors"), half)
    arguments = dict(vars(loaded.model.args))
    end = loaded.vocabulary.special_texts["eos_token"]
    ends = loaded.vocabulary.tokenize(end, False)
    (target / "config.json").write_text(json.dumps(arguments | {"eos_token_id": ends}))
    loaded.vocabulary._tokenizer.save(str(target / "tokenizer.json"))
    told = {"eos_token": end, "chat_template": read_header(source).chat_template}
    (target / "tokenizer_config.json").write_text(json.dumps(told))
    return target
