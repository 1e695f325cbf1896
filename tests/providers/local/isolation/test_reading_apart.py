"""Texts are read in a process of its own as they are in this one, with adapters too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf_files
import pytest
from engines import running

from polystack.core import ir

pytestmark = pytest.mark.engine

TEXTS = ir.EmbeddingRequest("m", ("hello world", "a"))
RANKED = ir.RerankRequest("m", "what is a fox", ("an animal", "zzz"))


async def test_vectors_and_scores_are_those_of_an_engine_in_this_process(tmp_path: Path) -> None:
    pair = gguf_files.low_rank(gguf_files.WIDTH, gguf_files.WIDTH)
    changed = gguf_files.adapter(tmp_path / "a.gguf", "bert", {"blk.0.attn_q.weight": pair})
    encoder: dict[str, Any] = {
        "model": str(gguf_files.encoder(tmp_path / "e.gguf")),
        "context": None,
    }
    encoder["adapters"] = [{"path": str(changed), "scale": 0.5}]
    ranker: dict[str, Any] = {
        "model": str(gguf_files.encoder(tmp_path / "r.gguf", "rank")),
        "context": None,
    }

    async def found(**where: Any) -> tuple[ir.Embeddings, ir.Ranking]:
        async with running("llamacpp", **encoder, **where) as embeds:
            vectors = await embeds.embed(TEXTS)
        async with running("llamacpp", **ranker, **where) as ranks:
            return vectors, await ranks.rerank(RANKED)

    assert await found(isolate="process") == await found()
