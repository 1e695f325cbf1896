"""LoRA adapters of MLX models: they do what llama.cpp's do, or are refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf_files
import pytest
from engines import HELLO, ask, running, text

from polystack.core import ir
from polystack.core.canon.errors import ConfigError

pytestmark = pytest.mark.engine
np = pytest.importorskip("numpy")

WIDTH, LAYERS = 192, 4  # of the model that ships
LORA = {"rank": gguf_files.RANK, "scale": 1.0, "dropout": 0.5, "keys": ["self_attn.o_proj"]}
CONFIG = {"fine_tune_type": "lora", "num_layers": LAYERS, "lora_parameters": LORA}
PAIRS = [gguf_files.low_rank(WIDTH, WIDTH, layer) for layer in range(LAYERS)]


def adapter(path: Path, width: int = WIDTH, config: dict[str, Any] = CONFIG) -> Path:
    import mlx.core as mx

    path.mkdir()
    (path / "adapter_config.json").write_text(json.dumps(config))
    weights = {}
    for layer, (a, b) in enumerate(PAIRS):
        name = f"model.layers.{layer}.self_attn.o_proj"
        weights[f"{name}.lora_a"] = mx.array(a.T[:width])
        weights[f"{name}.lora_b"] = mx.array(b.T)
    mx.save_safetensors(str(path / "adapters.safetensors"), weights)
    return path


async def vector(kind: str, **config: Any) -> Any:
    async with running(kind, **config) as provider:
        found = await provider.embed(ir.EmbeddingRequest("m", ("hello world",)))
    return np.array(found.vectors[0])


async def test_an_adapter_does_what_the_same_one_does_to_llamacpp(tmp_path: Path) -> None:
    names = [f"blk.{layer}.attn_output.weight" for layer in range(LAYERS)]
    other = gguf_files.adapter(tmp_path / "a.gguf", "qwen3", dict(zip(names, PAIRS, strict=True)))
    here = await vector("mlx", adapter=str(adapter(tmp_path / "a")))
    there = await vector("llamacpp", adapters=[{"path": str(other)}])
    assert here @ there > 0.999
    assert here @ await vector("mlx") < 0.99


async def test_an_adapter_changes_what_the_model_says(tmp_path: Path) -> None:
    asked = ask(HELLO, sampling=ir.Sampling(max_tokens=8))
    async with running("mlx", adapter=str(adapter(tmp_path / "a"))) as provider:
        assert await text(provider, asked) != "Hello! How can I help you today?"


async def start(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        async with running("mlx", adapter=str(path)):
            pass
    return caught.value.message


async def test_what_is_no_adapter_of_this_model_is_refused_by_name(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert f"adapter: {missing}: there is no adapter_config.json" in await start(missing)
    small = adapter(tmp_path / "small", width=32)
    assert f"adapter: {small}: does not go with this model" in await start(small)
    assert "lora_a: adapter shape (32, 4) does not match" in await start(small)
    alpha = CONFIG | {"lora_parameters": {"rank": 4, "alpha": 8}}
    assert "missing required key 'scale'" in await start(adapter(tmp_path / "alpha", config=alpha))
    cut = adapter(tmp_path / "cut")
    (cut / "adapters.safetensors").write_bytes(b"no tensors")
    assert f"adapter: {cut}: does not go with this model" in await start(cut)
    (cut / "adapter_config.json").write_text("{")
    assert "JSONDecodeError" in await start(cut)
