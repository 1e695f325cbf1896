"""The header of a model's file: whole, or refused in words before the engine sees it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp.config import Config
from polystack.providers.llamacpp.gguf import BadGGUF, Header, read_header
from polystack.providers.llamacpp.provider import header_of
from polystack.providers.local.config import BUILTIN

TINY = BUILTIN["builtin:tiny"]


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + value


ARCHITECTURE = pair("general.architecture", 8, string("qwen3"))
TENSOR = string("t") + struct.pack("<IQIQ", 1, 32, 8, 0)  # 32 elements of Q8_0: 34 bytes


def file(pairs: list[bytes], tensors: list[bytes], data: bytes, version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    body = head + b"".join(pairs) + b"".join(tensors)
    return body + b"\0" * (-len(body) % 32) + data


def read(tmp_path: Path, data: bytes) -> Header:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    return read_header(path)


def test_the_builtin_model_is_whole() -> None:
    header = read_header(TINY)
    assert header.architecture == "qwen3"
    assert header.context_length == 65_536
    assert header.cache_bytes_per_token == 4 * 2 * (32 + 32) * 2
    assert header.chat_template


def test_a_small_file_is_read(tmp_path: Path) -> None:
    heads = pair("qwen3.attention.head_count_kv", 9, struct.pack("<IQ3I", 4, 3, 2, 8, 4))
    header = read(tmp_path, file([ARCHITECTURE, heads], [TENSOR], b"\0" * 34))
    assert header.tensors == 1
    assert header.number("attention.head_count_kv") == 8


WHOLE = file([ARCHITECTURE], [TENSOR], b"\0" * 34)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too short"),
        (b"hello world" * 100, "not a GGUF file"),
        (file([ARCHITECTURE], [TENSOR], b"\0" * 34, version=9), "version is 9"),
        (file([ARCHITECTURE], [TENSOR], b"\0" * 33), "1 bytes are missing"),
        (file([ARCHITECTURE], [], b""), "no tensors"),
        (file([], [TENSOR], b"\0" * 34), "names no architecture"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 1) + b"\0" * 99, "more than a million"),
        (file([string("k") + struct.pack("<I", 99)], [TENSOR], b"\0" * 34), "the type 99"),
        (file([pair("k", 9, struct.pack("<IQ", 4, 2**60))], [TENSOR], b""), "an array of"),
        (file([pair("k", 9, struct.pack("<IQ", 9, 1))], [TENSOR], b"\0" * 99), "of the type 9"),
        (file([struct.pack("<Q", 2**63) + b"k"], [TENSOR], b""), "a string of"),
        (file([pair("k", 8, struct.pack("<Q", 2) + b"\xff\xfe")], [TENSOR], b""), "UTF-8"),
        (
            file([ARCHITECTURE, pair("general.alignment", 4, struct.pack("<I", 0))], [TENSOR], b""),
            "alignment of 0",
        ),
        (
            file([ARCHITECTURE], [string("t") + struct.pack("<I", 77)], b"\0" * 99),
            "77 dimensions",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(BadGGUF, match=reason):
        read(tmp_path, data)


@pytest.mark.parametrize("size", range(0, len(WHOLE), 7))
def test_every_truncation_is_noticed(tmp_path: Path, size: int) -> None:
    with pytest.raises(BadGGUF):
        read(tmp_path, WHOLE[:size])


def test_a_header_of_noise_is_refused(tmp_path: Path) -> None:
    data = bytearray(TINY.read_bytes())
    data[24:400] = bytes(range(188)) * 2
    with pytest.raises(BadGGUF):
        read(tmp_path, bytes(data))


def test_the_operator_is_told_the_path_and_the_remedy(tmp_path: Path) -> None:
    missing = tmp_path / "none.gguf"
    with pytest.raises(ConfigError, match=r"none\.gguf: there is no such file; set `model`"):
        header_of(Config(model=str(missing)))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(TINY.read_bytes()[:1_000_000])
    with pytest.raises(ConfigError, match=r"cut\.gguf: it is cut off: .*download or convert"):
        header_of(Config(model=str(cut)))
    with pytest.raises(ConfigError, match="cannot be read"):
        header_of(Config(model=str(tmp_path)))
