"""The header of a GGUF file, read without the engine: is it whole, and what is in it?

A file that the engine would choke on is refused here, in words. Every length in the file is
checked against the file's size before it is believed; of arrays only the short numeric ones are
kept. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from ..local.families import family

KEPT_ARRAY = 1024  # elements
STRING_LIMIT = 16 << 20
LAYERS = 512  # llama.cpp ends the process for more, and for none
EPSILONS = ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")  # likewise below 0
ALIGNMENT = 32

_SCALARS = dict(enumerate(["B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d"]))
_STRING, _ARRAY = 8, 9
_TEMPLATE = "tokenizer.chat_template"

F32 = 0  # the type of a tensor
# Type of a tensor -> elements in a block, bytes of a block; unknown types are left to the engine.
_BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    30: (1, 2),  # BF16
}


_POOLING = {1: "mean", 2: "cls", 3: "last", 4: "rank"}

# Architectures that only read; not every file says so.
ENCODERS = frozenset(
    "bert modern-bert neo-bert eurobert nomic-bert nomic-bert-moe jina-bert-v2 jina-bert-v3"
    " gemma-embedding".split()
)
HALVES = frozenset({"t5", "t5encoder"})  # whose encoder is run by calls of its own


class BadGGUF(Exception):
    """The message says what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` has the fastest size first; `type` is a number of the format's."""

    shape: tuple[int, ...]
    type: int


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    tensors: int
    metadata: dict[str, Any]
    entries: Mapping[str, Tensor] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)  # of the metadata's values
    family: str | None = None  # whose marks it knows; only looked for where there is no template

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def number(self, name: str) -> int | None:
        """A number of the architecture's own; of one per layer, the largest."""
        value = self.metadata.get(f"{self.architecture}.{name}")
        if isinstance(value, list):
            value = max((v for v in value if isinstance(v, int)), default=None)
        return value if isinstance(value, int) else None

    @property
    def context_length(self) -> int | None:
        return self.number("context_length")

    @property
    def causal(self) -> bool:
        """Whether a token looks only at those before it, as in every model that generates."""
        told = self.metadata.get(f"{self.architecture}.attention.causal")
        return self.architecture not in ENCODERS and told is not False

    @property
    def pooling(self) -> str | None:
        """How the rows of a text's tokens become one, if the model was made for that."""
        return _POOLING.get(self.number("pooling_type") or 0)

    @property
    def chat_template(self) -> str | None:
        template = self.metadata.get(_TEMPLATE)
        return template if isinstance(template, str) else None

    @property
    def rank_form(self) -> str | None:
        """How a query and a document become one text, where it is not by marks between them."""
        form = self.metadata.get("tokenizer.chat_template.rerank")
        return form if isinstance(form, str) else None

    @property
    def cache_bytes_per_token(self) -> int | None:
        """The size of one token in a 16-bit key-value cache, if the file tells."""
        heads = self.number("attention.head_count")
        layers, width = self.number("block_count"), self.number("embedding_length")
        if not (heads and layers and width):
            return None
        size = self.number("attention.key_length") or width // heads
        value = self.number("attention.value_length") or size
        return layers * (self.number("attention.head_count_kv") or heads) * (size + value) * 2


def read_header(path: Path) -> Header:
    """Raises `BadGGUF` for a file that is not a whole GGUF, `OSError` for one that is no file."""
    with path.open("rb") as file:
        if path.stat().st_size < 24:
            raise BadGGUF("it is too short to be a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _header(_Reader(data))
            except UnicodeDecodeError:
                raise BadGGUF("its header is corrupt: a string is not UTF-8") from None


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.size = len(data)
        self.at = 0

    def knows(self, word: str) -> bool:
        """Whether a string in what was read begins and ends like this."""
        data = word.encode()
        return self._data.find(struct.pack("<Q", len(data)) + data, 0, self.at) >= 0

    def skip(self, size: int) -> None:
        if size < 0 or self.at + size > self.size:
            raise BadGGUF("it is cut off, or its header is corrupt: a length leads past its end")
        self.at += size

    def scalar(self, code: str) -> Any:
        size = struct.calcsize("<" + code)
        start = self.at
        self.skip(size)
        return struct.unpack_from("<" + code, self._data, start)[0]

    def string(self) -> str:
        size = self.scalar("Q")
        if size > STRING_LIMIT:
            raise BadGGUF(f"its header is corrupt: a string of {size} bytes")
        start = self.at
        self.skip(size)
        return self._data[start : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array()
        code = _SCALARS.get(kind)
        if code is None:
            raise BadGGUF(f"its header is corrupt: no value has the type {kind}")
        return self.scalar(code)

    def _array(self) -> list[Any] | None:
        kind, count = self.scalar("I"), self.scalar("Q")
        if count > self.size:
            raise BadGGUF(f"its header is corrupt: an array of {count} elements")
        if kind == _STRING:
            for _ in range(count):
                self.skip(self.scalar("Q"))
            return None
        code = _SCALARS.get(kind)
        if code is None:
            raise BadGGUF(f"its header is corrupt: no array has elements of the type {kind}")
        if count <= KEPT_ARRAY:
            return [self.scalar(code) for _ in range(count)]
        self.skip(count * struct.calcsize("<" + code))
        return None


def _header(reader: _Reader) -> Header:
    if reader.scalar("4s") != b"GGUF":
        raise BadGGUF("it is not a GGUF file: the first bytes are others")
    version = reader.scalar("I")
    if version not in (2, 3):
        raise BadGGUF(f"its version is {version}; versions 2 and 3 can be read")
    tensors, pairs = reader.scalar("Q"), reader.scalar("Q")
    if tensors > 1 << 20 or pairs > 1 << 20:
        raise BadGGUF("its header is corrupt: it counts more than a million entries")
    metadata, types = {}, {}
    for _ in range(pairs):
        key = reader.string()
        types[key] = reader.scalar("I")
        metadata[key] = reader.value(types[key])
    entries, ends = {}, []
    for _ in range(tensors):
        name, entry, end = _tensor(reader)
        entries[name] = entry
        ends.append(end)
    if not ends:
        raise BadGGUF("it holds no tensors")
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise BadGGUF(f"its header is corrupt: an alignment of {alignment}")
    start = -(-reader.at // alignment) * alignment
    missing = start + max(ends) - reader.size
    if missing > 0:
        raise BadGGUF(f"it is cut off: {missing} bytes are missing")
    if not metadata.get("general.architecture"):
        raise BadGGUF("its header names no architecture")
    marks = None if _TEMPLATE in metadata else family(reader.knows)
    header = Header(version, tensors, metadata, entries, types, marks)
    _check(header, entries)
    return header


def _check(header: Header, entries: Mapping[str, Tensor]) -> None:
    """Refuse what the engine would end the process for."""
    layers = header.number("block_count")
    if layers is not None and not 0 < layers <= LAYERS:
        raise BadGGUF(f"its header is corrupt: a model of {layers} layers")
    for name in EPSILONS:
        value = header.metadata.get(f"{header.architecture}.{name}")
        if isinstance(value, float) and not 0 <= value < 1:  # NaN is in no range
            raise BadGGUF(f"its header is corrupt: {name} is {value:g}")
    for name, entry in entries.items():
        if name.endswith("norm.weight") and entry.type != F32:
            raise BadGGUF(f"its header is corrupt: {name} is not stored as F32")


def _tensor(reader: _Reader) -> tuple[str, Tensor, int]:
    """A tensor's name, what it is, and where it ends, counted from the beginning of the data."""
    name, rank = reader.string(), reader.scalar("I")
    if not 0 < rank <= 4:
        raise BadGGUF(f"its header is corrupt: tensor {name!r} has {rank} dimensions")
    shape = tuple(reader.scalar("Q") for _ in range(rank))
    kind, offset = reader.scalar("I"), reader.scalar("Q")
    block, size = _BLOCKS.get(kind, (1, 0))
    return name, Tensor(shape, kind), int(offset + prod(shape) // block * size)
