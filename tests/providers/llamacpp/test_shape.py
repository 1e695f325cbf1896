"""What an engine is given when the configuration leaves it open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from polystack.providers.llamacpp.config import MEMORY, Config
from polystack.providers.llamacpp.gguf import Header
from polystack.providers.local.config import CONTEXT


def header(context: int, layers: int) -> Header:
    """A model whose cache takes 2 KiB a token in every layer."""
    sizes = {"context_length": context, "block_count": layers, "embedding_length": 512}
    sizes |= {"attention.head_count": 4}
    metadata: dict[str, Any] = {"general.architecture": "x"}
    return Header(3, 1, metadata | {f"x.{name}": size for name, size in sizes.items()})


def config(**fields: Any) -> Config:
    return Config.model_validate({"model": "builtin:tiny"} | fields)


def test_a_small_model_gives_every_slot_a_context_of_its_own() -> None:
    shape = config(slots=4).shape(header(context=4096, layers=4))
    assert (shape.cells, shape.unified) == (4 * 4096, False)


def test_a_large_model_shares_what_memory_there_is_among_the_slots() -> None:
    large = header(context=131_072, layers=32)
    shape = config().shape(large)
    assert shape.unified
    assert shape.cells == CONTEXT  # one conversation may have it all
    assert CONTEXT * (large.cache_bytes_per_token or 0) > MEMORY
    many = config(context=1024, slots=64).shape(large)
    assert (many.cells, many.unified) == (MEMORY // (32 * 2048), True)


def test_what_the_configuration_says_holds() -> None:
    shape = config(context=100, slots=2, kv_unified=True, prefill_chunk=999, threads=3).shape(
        header(context=4096, layers=4)
    )
    assert (shape.cells, shape.unified, shape.threads) == (200, True, 3)
    assert shape.prefill_chunk == shape.batch == 512


def test_a_tiny_model_is_computed_by_one_thread_and_others_by_all(tmp_path: Path) -> None:
    assert config().workers == 1
    path = tmp_path / "large.gguf"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    assert config(model=str(path)).workers == (os.cpu_count() or 1)
    assert config(threads=5).workers == 5


@pytest.mark.parametrize(
    ("fields", "name"),
    [({}, "tiny"), ({"id": "mine"}, "mine"), ({"model": "/a/b-q8.gguf"}, "b-q8")],
)
def test_a_model_is_named_after_its_file_unless_it_is_given_a_name(
    fields: dict[str, Any], name: str
) -> None:
    assert config(**fields).name == name


def test_what_a_model_takes_is_its_file_and_its_cache() -> None:
    made = header(context=4096, layers=4)  # 8 KiB a token
    file = config().path.stat().st_size

    def cache(**fields: Any) -> int:
        return config(slots=2, **fields).footprint(made) - file

    assert cache() == 2 * 4096 * 8192
    assert cache(context=1024) == 2 * 1024 * 8192
    assert cache(kv_type="q8_0") == cache() * 34 // 64
    assert cache(kv_type="f32") == 2 * cache()


def test_all_files_of_a_model_in_several_count(tmp_path: Path) -> None:
    for number in (1, 2):
        with (tmp_path / f"x-0000{number}-of-00002.gguf").open("wb") as file:
            file.truncate(1000 * number)
    split = config(model=str(tmp_path / "x-00001-of-00002.gguf"), context=16, slots=1)
    assert split.footprint(Header(3, 1, {"general.architecture": "x"})) == 3000


def test_a_quantised_cache_needs_flash_attention() -> None:
    assert config(flash_attention=False).flash_attention is False
    with pytest.raises(ValueError, match="kv_type q8_0 needs flash attention"):
        config(flash_attention=False, kv_type="q8_0")


@pytest.mark.parametrize(
    ("fields", "context", "flash"),
    [
        ({}, 4096, False),
        ({}, 131_072, False),  # of which one conversation has 32,768, unless it is configured
        ({"context": 65_536, "batch": 4096}, 131_072, None),  # 4 GiB of scores
        ({"gpu_layers": -1}, 4096, None),
        ({"kv_type": "q8_0"}, 4096, None),
        ({"flash_attention": True}, 4096, True),
    ],
)
def test_a_processor_computes_attention_whole_where_there_is_room_for_its_scores(
    fields: dict[str, Any], context: int, flash: bool | None
) -> None:
    assert config(slots=1, **fields).shape(header(context=context, layers=4)).flash is flash
