"""Documents scored by llama.cpp, and the whole way there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gguf_files
import pytest
from engines import HELLO, ask, running

from polystack.core import Stack, ir
from polystack.core.canon.errors import InvalidRequest, NotSupported
from polystack.providers.llamacpp import native
from polystack.providers.llamacpp.native_embedding import EmbeddingContext, PairVocabulary
from polystack.providers.local.provider import Local

pytestmark = pytest.mark.engine
np = pytest.importorskip("numpy")

QUERY = "what is a fox"
DOCUMENTS = ("a quick brown animal", "zzz", "the sum of two numbers", "x " * 30)


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_files.encoder(tmp_path_factory.mktemp("models") / "ranker.gguf", "rank")


@pytest.fixture
async def provider(ranker: Path) -> AsyncIterator[Local]:
    async with running("llamacpp", model=str(ranker), context=None) as found:
        yield found


def by_hand(path: Path) -> list[float]:
    """The head of the model, computed from what the engine makes of a pair's first token."""
    model = native.Model(native.library(), path, 0)
    vocabulary = PairVocabulary(model, None)
    context = EmbeddingContext(model, cells=128, sequences=1, batch=128, threads=1, pooling="none")
    head = gguf_files.head()
    scores = []
    for document in DOCUMENTS:
        tokens = vocabulary.pair(QUERY, document)
        assert context.decode([native.Span(0, 0, tokens, 0)])[0] == 0
        inner = np.tanh(head["cls.weight"] @ context.tokens(0, 1)[0] + head["cls.bias"])
        score = head["cls.output.weight"] @ inner + head["cls.output.bias"]
        scores.append(float(1 / (1 + np.exp(-score[0]))))
    context.close()
    model.close()
    return scores


async def test_a_score_is_what_the_models_head_makes_of_a_pair(
    provider: Local, ranker: Path
) -> None:
    found = await provider.rerank(ir.RerankRequest("m", QUERY, DOCUMENTS))
    assert found.scores == pytest.approx(by_hand(ranker), abs=2e-3)
    assert len(set(found.scores)) == len(DOCUMENTS)


async def test_a_pair_has_marks_around_and_between(provider: Local) -> None:
    vocabulary = provider._engine.vocabulary
    assert isinstance(vocabulary, PairVocabulary)
    cls, sep = 2, 3
    a, b = vocabulary.tokenize("a", False), vocabulary.tokenize("b", False)
    assert vocabulary.pair("a", "b") == [cls, *a, sep, *b, sep]
    found = await provider.rerank(ir.RerankRequest("m", "a", ("b",)))
    assert found.usage == ir.Usage(input=5)


def test_a_model_with_a_form_of_its_own_gets_that(ranker: Path) -> None:
    model = native.Model(native.library(), ranker, 0)
    vocabulary = PairVocabulary(model, "q {query} d {document}")
    assert vocabulary.pair("{document}", "a") == vocabulary.tokenize("q {document} d a")
    model.close()


async def test_a_ranker_does_nothing_else(provider: Local) -> None:
    (model,) = await provider.models()
    assert model.features == frozenset({"rerank"})
    with pytest.raises(NotSupported, match="makes no embeddings"):
        await provider.embed(ir.EmbeddingRequest("m", ("a",)))
    with pytest.raises(NotSupported, match="ranks documents and answers nobody"):
        await provider.prepare(ask(HELLO))


async def test_other_models_rank_nothing() -> None:
    async with running("llamacpp") as provider:
        with pytest.raises(NotSupported, match="ranks no documents"):
            await provider.rerank(ir.RerankRequest("tiny", QUERY, DOCUMENTS))


async def test_a_pair_that_is_too_long_is_refused_with_the_numbers(provider: Local) -> None:
    with pytest.raises(InvalidRequest, match=r"documents\.1: it has \d+ tokens, .* 128 at most"):
        await provider.rerank(ir.RerankRequest("m", QUERY, ("a", "x " * 200)))


@pytest.mark.parametrize("operation", ["rerank", "rerank_bare", "rerank_v2"])
async def test_a_client_gets_the_best_documents(ranker: Path, operation: str) -> None:
    here: dict[str, Any] = {
        "version": 1,
        "name": "here",
        "apis": ["chat"],
        "providers": {"r": {"type": "llamacpp", "config": {"model": str(ranker)}}},
    }
    body = {"model": "ranker", "query": QUERY, "documents": list(DOCUMENTS), "max_chunks": 3}
    asked = body | {"top_n": 2, "return_documents": True}
    async with Stack.load(here) as stack:
        reply = await stack.handle("chat", operation, asked)
    scores = by_hand(ranker)
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[:2]
    assert isinstance(reply.document, dict)
    assert [found["index"] for found in reply.document["results"]] == best
    assert reply.document["results"][0]["document"] == {"text": DOCUMENTS[best[0]]}
    assert reply.headers["x-stack-fidelity"] == "dropped=max_chunks"
