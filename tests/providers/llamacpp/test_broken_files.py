"""Models whose files are damaged, on a server that has a good one too: it stays up and says why.

Some of these end the process that lets llama.cpp have them. They are loaded for their first
request, so that it is a running server that meets them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from serving import served

from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp.config import Config
from polystack.providers.llamacpp.provider import header_of
from polystack.providers.local.config import BUILTIN

pytestmark = pytest.mark.engine

WHOLE = BUILTIN["builtin:tiny"].read_bytes()


def number(key: str, code: str, value: float) -> bytes:
    """The file with another value of the metadata."""
    data, name = bytearray(WHOLE), f"qwen3.{key}".encode()
    at = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name) + 4
    struct.pack_into("<" + code, data, at, value)
    return bytes(data)


def typed(tensor: str, kind: int) -> bytes:
    """The file with another type of a tensor of one dimension."""
    data = bytearray(WHOLE)
    at = data.index(struct.pack("<Q", len(tensor)) + tensor.encode()) + 8 + len(tensor) + 4 + 8
    struct.pack_into("<I", data, at, kind)
    return bytes(data)


# What the header already shows, and what is said of it.
SEEN = {
    "no layers": (number("block_count", "I", 0), "a model of 0 layers"),
    "too many layers": (number("block_count", "I", 2**31 - 1), "a model of 2147483647 layers"),
    "an epsilon that is no number": (
        number("attention.layer_norm_rms_epsilon", "f", float("nan")),
        "epsilon is nan",
    ),
    "a norm of integers": (typed("output_norm.weight", 26), "not stored as F32"),
    "a quantised norm": (typed("output_norm.weight", 8), "not stored as F32"),
    "half a file": (WHOLE[: len(WHOLE) // 2], "bytes are missing"),
    "another file": (b"hello world" * 100, "not a GGUF file"),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_would_end_the_process_is_refused_by_its_header(tmp_path: Path, case: str) -> None:
    data, said = SEEN[case]
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=said) as caught:
        header_of(Config(model=str(path)))
    assert "download or convert" in str(caught.value)


# What only the engine sees, or what happens to a file while the server runs.
LATER: dict[str, tuple[bytes, Callable[[Path], object] | None]] = {
    "no-such-tensor": (WHOLE.replace(b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"), None),
    "no-such-architecture": (WHOLE.replace(b"qwen3", b"qwex9"), None),
    "no-heads": (number("attention.head_count", "I", 0), None),
    "too-many-heads": (number("attention.head_count", "I", 2**32 - 1), None),
    "no-width": (number("embedding_length", "I", 0), None),
    "cut-while-it-runs": (WHOLE, lambda path: path.write_bytes(WHOLE[:1_000_000])),
    "gone-while-it-runs": (WHOLE, Path.unlink),
    "replaced-while-it-runs": (WHOLE, lambda path: path.write_bytes(b"hello world" * 200_000)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx2.Client]:
    providers = {"good": {"type": "llamacpp", "config": {"model": "builtin:tiny", "slots": 1}}}
    for name, (data, _) in LATER.items():
        path = folder / f"{name}.gguf"
        path.write_bytes(data)
        config = {"model": str(path), "id": name, "load": "use", "slots": 1, "context": 256}
        providers[name] = {"type": "llamacpp", "config": config}
    document = {"version": 1, "name": "broken", "apis": ["chat"], "providers": providers}
    source = folder / "broken.json"
    source.write_text(json.dumps(document))
    with served(source) as (url, _), httpx2.Client(base_url=url, timeout=60) as client:
        yield client


def ask(client: httpx2.Client, model: str) -> httpx2.Response:
    message = {"role": "user", "content": "Say hello"}
    return client.post("/v1/chat/completions", json={"model": model, "messages": [message]})


@pytest.mark.parametrize("name", LATER)
def test_a_model_that_cannot_be_loaded_is_an_error_and_the_others_answer(
    client: httpx2.Client, folder: Path, name: str
) -> None:
    damage = LATER[name][1]
    if damage is not None:
        damage(folder / f"{name}.gguf")
    for _ in range(2):
        answer = ask(client, name)
        assert answer.status_code == 400
        message = answer.json()["error"]["message"]
        assert name in message
        assert "\n" not in message
    assert ask(client, "tiny").status_code == 200
