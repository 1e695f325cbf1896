"""LoRA adapters of GGUF models: they do what their numbers say, or are refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf_files
import pytest
from engines import HELLO, ask, running, text

from polystack.core import ir
from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp.adapters import Adapter, check
from polystack.providers.llamacpp.config import Config
from polystack.providers.llamacpp.gguf import read_header
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.hub import Reference

pytestmark = pytest.mark.engine
np = pytest.importorskip("numpy")

TINY = BUILTIN["builtin:tiny"]
WIDTH = 192  # of the model that ships
HEADS = (WIDTH, WIDTH)
PROMPTS = (HELLO, "Count from 3 to 9", "Repeat: the quick brown fox")


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """An adapter that leaves no answer of the model that ships as it was."""
    pairs = {f"blk.{i}.attn_output.weight": gguf_files.low_rank(*HEADS, i) for i in range(4)}
    return gguf_files.adapter(tmp_path / "loud.gguf", "qwen3", pairs)


async def answers(*adapters: dict[str, Any]) -> list[str]:
    limit = ir.Sampling(max_tokens=24)
    async with running("llamacpp", adapters=list(adapters)) as provider:
        return [await text(provider, ask(prompt, sampling=limit)) for prompt in PROMPTS]


async def test_an_adapter_changes_what_the_model_says(loud: Path) -> None:
    plain, changed = await answers(), await answers({"path": str(loud)})
    assert all(one != other for one, other in zip(plain, changed, strict=True))
    assert await answers({"path": str(loud), "scale": 0}) == plain


async def test_adapters_add_up(loud: Path) -> None:
    both = {"path": str(loud), "scale": 0.75}, {"path": str(loud), "scale": -0.75}
    assert await answers(*both) == await answers()


async def test_an_adapter_adds_its_product_to_the_weights(tmp_path: Path) -> None:
    names = ("blk.0.attn_q.weight", "blk.1.ffn_up.weight")
    shapes = {name: gguf_files.weights()[name].shape for name in names}
    pairs = {name: gguf_files.low_rank(*shape) for name, shape in shapes.items()}
    base = gguf_files.encoder(tmp_path / "base.gguf")
    made = gguf_files.adapter(tmp_path / "adapter.gguf", "bert", pairs)
    sums = {name: gguf_files.weights()[name] + 0.5 * b @ a for name, (a, b) in pairs.items()}
    merged = gguf_files.encoder(tmp_path / "merged.gguf", changes=sums)

    async def vector(model: Path, **config: Any) -> Any:
        async with running("llamacpp", model=str(model), context=None, **config) as provider:
            found = await provider.embed(ir.EmbeddingRequest("m", ("hello world",)))
        return np.array(found.vectors[0])

    adapted = await vector(base, adapters=[{"path": str(made), "scale": 0.5}])
    assert adapted == pytest.approx(await vector(merged), abs=1e-3)
    assert adapted @ await vector(base) < 0.99


def test_what_was_kept_is_not_taken_for_another_adapters(loud: Path) -> None:
    def fingerprint(*adapters: Adapter) -> str:
        return Config(model="builtin:tiny", adapters=list(adapters)).fingerprint

    one, other = Adapter(path=str(loud)), Adapter(path=str(loud), scale=0.5)
    assert len({fingerprint(), fingerprint(one), fingerprint(other), fingerprint(one, one)}) == 4


async def test_an_adapter_is_fetched_from_the_hub(
    loud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(wanted: Reference) -> Path:
        asked.append(str(wanted))
        return loud

    monkeypatch.setattr("polystack.providers.llamacpp.provider.fetch_file", fetch)
    found = await answers({"path": "hf:acme/loud-GGUF:loud.gguf"})
    assert asked == ["hf:acme/loud-GGUF:loud.gguf"]
    assert found == await answers({"path": str(loud)})


# What is no adapter of this model ----------------------------------------------------------------

NAME = "blk.0.attn_output.weight"
TOLD = {"general.architecture": "qwen3", "general.type": "adapter", "adapter.type": "lora"}
A, B = gguf_files.low_rank(*HEADS)
WHOLE = {f"{NAME}.lora_a": A, f"{NAME}.lora_b": B}
FLAT = {f"{NAME}.lora_a": A, f"{NAME}.lora_b": np.zeros((WIDTH, gguf_files.RANK + 1))}
DEEP = {name: np.stack([array] * 3) for name, array in WHOLE.items()}

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another": (TOLD | {"general.architecture": "llama"}, WHOLE, "a model of kind 'llama'"),
    "nothing": (TOLD | {"general.type": "model"}, WHOLE, "its general.type is 'model'"),
    "number": (TOLD | {"general.type": 7}, WHOLE, "its general.type is 7"),
    "kind": (TOLD | {"adapter.type": "ia3"}, WHOLE, "its adapter.type is 'ia3'"),
    "alpha": (TOLD | {"adapter.lora.alpha": 16}, WHOLE, "adapter.lora.alpha is no 32-bit number"),
    "alora": (TOLD | {"adapter.alora.invocation_tokens": [1]}, WHOLE, "is not supported"),
    "half": (TOLD, {f"{NAME}.lora_a": A}, "only one half"),
    "strange": (TOLD, {NAME: A}, "no part of an adapter"),
    "layer": (TOLD, {f"blk.99.{k[6:]}": v for k, v in WHOLE.items()}, "does not have"),
    "wide": (TOLD, {f"{NAME}.lora_a": A[:, :32], f"{NAME}.lora_b": B}, "does not fit"),
    "ranks": (TOLD, FLAT, "does not fit"),
    "deep": (TOLD, DEEP, "does not fit"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_adapter_of_this_model_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    metadata, tensors, problem = BAD[kind]
    path = gguf_files.write(tmp_path / f"{kind}.gguf", metadata, tensors)
    with pytest.raises(ConfigError) as caught:
        check(Adapter(path=str(path)), read_header(TINY))
    assert f"adapters: {path}: " in caught.value.message
    assert problem in caught.value.message


def test_no_bad_file_ends_the_process(tmp_path: Path, loud: Path) -> None:
    """From outside, since the engine would abort on some of them."""
    for kind, (metadata, tensors, _) in BAD.items():
        gguf_files.write(tmp_path / f"{kind}.gguf", metadata, tensors)
    (tmp_path / "noise.gguf").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "cut.gguf").write_bytes(loud.read_bytes()[:-4000])
    (tmp_path / "model.gguf").write_bytes(TINY.read_bytes())
    (tmp_path / "folder.gguf").mkdir()
    bad = sorted(path for path in tmp_path.glob("*.gguf") if path != loud)
    paths = [*map(str, bad), str(tmp_path / "missing.gguf"), str(loud)]
    done = subprocess.run(
        [sys.executable, "-c", STARTING, *paths], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths)
    assert lines[-1] == "started"
    for path, line in zip(paths, lines[:-1], strict=False):
        assert line.startswith(f"adapters: {path}: "), line


STARTING = """
import asyncio, sys
from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp import Config, LlamaCpp

async def start(path):
    config = {"model": "builtin:tiny", "context": 256, "adapters": [{"path": path}]}
    provider = LlamaCpp("p", Config.model_validate(config))
    try:
        await provider.start()
        print("started")
    except ConfigError as error:
        print(error.message)
    finally:
        await provider.stop()

for path in sys.argv[1:]:
    asyncio.run(start(path))
"""
