"""Embeddings by MLX: the same as llama.cpp's, and beside conversations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engines import ENDLESS, answer, ask, running, settled

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest, NotSupported
from polystack.providers.local.provider import Local
from polystack.providers.local.reading import Reading
from polystack.providers.mlx.reading import Reader

pytestmark = pytest.mark.engine
np = pytest.importorskip("numpy")

TEXTS = ("hello world", "the quick brown fox " * 40, "a")


async def embed(provider: Local, *inputs: str, **fields: Any) -> Any:
    found = await provider.embed(ir.EmbeddingRequest("m", inputs, **fields))
    return np.array(found.vectors)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
async def test_both_engines_make_the_same_vectors(pooling: str) -> None:
    async with running("mlx", pooling=pooling) as one, running("llamacpp", pooling=pooling) as two:
        first, second = await embed(one, *TEXTS), await embed(two, *TEXTS)
    assert (first * second).sum(axis=1).min() > 0.999
    assert pooling == "cls" or first[0] @ first[1] < 0.99


async def test_a_long_text_is_read_in_chunks_and_is_the_same_text() -> None:
    async with running("mlx", prefill_chunk=16) as small, running("mlx") as large:
        found = await embed(small, *TEXTS), await embed(large, *TEXTS)
    assert (found[0] * found[1]).sum(axis=1).min() > 0.999


async def test_conversations_go_on_beside_texts_that_are_read() -> None:
    asked = ask(ENDLESS, sampling=ir.Sampling(max_tokens=24))
    async with running("mlx") as provider:
        alone = await answer(provider, asked)
        others = [asyncio.create_task(answer(provider, asked)) for _ in range(2)]
        assert len(await embed(provider, *TEXTS)) == len(TEXTS)
        assert {ir.text_of((await task).parts) for task in others} == {ir.text_of(alone.parts)}


async def test_leaving_early_lets_the_others_have_their_turn() -> None:
    async with running("mlx", prefill_chunk=16) as provider:
        (left,) = [asyncio.create_task(embed(provider, *TEXTS * 20))]
        while not provider.status()["running"]:
            await asyncio.sleep(0.001)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert len(await embed(provider, "a")) == 1
        await settled(provider)


async def test_what_cannot_be_read_is_refused_with_the_numbers() -> None:
    async with running("mlx", embedding_context=16) as provider:
        with pytest.raises(InvalidRequest, match=r"input\.1: it has \d+ tokens, .* 16 at most"):
            await embed(provider, *TEXTS)
        with pytest.raises(InvalidRequest, match="dimensions: this model's vectors have 192"):
            await embed(provider, "a", dimensions=193)


async def test_a_model_of_an_unknown_make_is_refused() -> None:
    with pytest.raises(NotSupported, match="makes no embeddings"):
        Reader("mean", 16).admit(Reading([[1]]), object())
