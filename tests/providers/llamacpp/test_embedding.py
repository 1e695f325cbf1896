"""Embeddings by llama.cpp: of encoders, which do nothing else, and beside conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import gguf_files
import pytest
from engines import ENDLESS, HELLO, answer, ask, running, settled, text

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, InvalidRequest, NotSupported
from polystack.providers.llamacpp import native
from polystack.providers.llamacpp.native_embedding import EmbeddingContext
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.provider import Local

pytestmark = pytest.mark.engine
np = pytest.importorskip("numpy")

TEXTS = ("hello world", "a", "the quick brown fox jumps over the lazy dog")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_files.encoder(tmp_path_factory.mktemp("models") / "bert.gguf")


@pytest.fixture
async def encoder(bert: Path) -> AsyncIterator[Local]:
    async with running("llamacpp", model=str(bert), context=None) as provider:
        yield provider


@pytest.fixture
async def tiny() -> AsyncIterator[Local]:
    async with running("llamacpp") as provider:
        yield provider


async def embed(provider: Local, *inputs: str | tuple[int, ...], **fields: Any) -> Any:
    answer = await provider.embed(ir.EmbeddingRequest("m", inputs, **fields))
    return np.array(answer.vectors)


class Reader:
    """The rows of single tokens, straight from the engine: what pooling is compared with."""

    def __init__(self, path: Path) -> None:
        self.model = native.Model(native.library(), path, 0)
        self.vocabulary = native.Vocabulary(self.model)
        self._context = EmbeddingContext(
            self.model, cells=128, sequences=1, batch=128, threads=1, pooling="none"
        )

    def rows(self, text: str) -> Any:
        tokens = self.vocabulary.tokenize(text)
        assert self._context.decode([native.Span(0, 0, tokens, 0)])[0] == 0
        found = self._context.tokens(0, len(tokens))
        self._context.forget(0)
        return found

    def close(self) -> None:
        self._context.close()
        self.model.close()


@pytest.fixture(params=["bert", "tiny"])
def reader(request: pytest.FixtureRequest, bert: Path) -> Iterator[tuple[Path, Reader]]:
    path = {"bert": bert, "tiny": BUILTIN["builtin:tiny"]}[request.param]
    found = Reader(path)
    yield path, found
    found.close()


def unit(row: Any) -> Any:
    return row / np.linalg.norm(row)


def likeness(one: Any, other: Any) -> float:
    """The cosine of the two vectors that are least alike; quantised weights are not exact."""
    return float((one * other).sum(axis=1).min())


POOLED: dict[str, Callable[[Any], Any]] = {
    "mean": lambda rows: rows.mean(0),
    "cls": lambda rows: rows[0],
    "last": lambda rows: rows[-1],
}


@pytest.mark.parametrize("pooling", POOLED)
async def test_a_vector_is_what_its_tokens_make_together(
    reader: tuple[Path, Reader], pooling: str
) -> None:
    path, single = reader
    expected = [unit(POOLED[pooling](single.rows(text))) for text in TEXTS]
    config = {"model": str(path), "pooling": pooling, "context": 128}
    async with running("llamacpp", **config) as provider:
        found = await embed(provider, *TEXTS)
    assert found == pytest.approx(np.array(expected), abs=2e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(TEXTS)))


@pytest.mark.parametrize("kind", ["bert", "tiny"])
async def test_together_or_alone_a_text_has_the_same_vector(kind: str, bert: Path) -> None:
    model = {"bert": str(bert), "tiny": "builtin:tiny"}[kind]
    async with running("llamacpp", model=model, context=128) as provider:
        texts = [f"{text} {'x y z ' * n}" for n in range(12) for text in TEXTS]
        alone = np.concatenate([await embed(provider, text) for text in texts])
        assert likeness(await embed(provider, *texts), alone) > 0.9998
        crowd = await asyncio.gather(*(embed(provider, text) for text in texts[:20]))
        assert likeness(np.concatenate(crowd), alone[:20]) > 0.9998
        assert likeness(alone[:3], alone[1:4]) < 0.99  # and different texts have others


async def test_a_long_text_is_read_in_chunks_and_is_the_same_text() -> None:
    long = "one two three " * 120
    async with running("llamacpp", prefill_chunk=16) as small, running("llamacpp") as large:
        found = await asyncio.gather(embed(small, long, "one"), embed(large, long, "one"))
    assert likeness(*found) > 0.9998


async def test_conversations_go_on_beside_texts_that_are_read(tiny: Local) -> None:
    asked = ask(ENDLESS, sampling=ir.Sampling(max_tokens=120))
    alone = await answer(tiny, asked)
    running_on = [asyncio.create_task(answer(tiny, asked)) for _ in range(4)]
    vectors = await embed(tiny, *(f"text {i} " * 30 for i in range(24)))
    assert len(vectors) == 24
    assert {ir.text_of((await task).parts) for task in running_on} == {ir.text_of(alone.parts)}


async def test_reading_waits_for_no_slot() -> None:
    async with running("llamacpp", slots=1) as provider:
        endless = [asyncio.create_task(text(provider, ask(ENDLESS))) for _ in range(2)]
        while not provider.status()["waiting"]:
            await asyncio.sleep(0.001)
        await embed(provider, "hello")
        assert not any(task.done() for task in endless)
        for task in endless:
            task.cancel()
        await asyncio.gather(*endless, return_exceptions=True)


async def test_leaving_early_lets_the_others_have_their_turn(tiny: Local) -> None:
    texts = ["word " * 300] * 64
    (left,) = [asyncio.create_task(embed(tiny, *texts))]
    while not tiny.status()["running"]:
        await asyncio.sleep(0.001)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    assert len(await embed(tiny, "a")) == 1
    await settled(tiny)


async def test_texts_come_in_the_models_own_tokens_too(encoder: Local) -> None:
    tokens = tuple(encoder._engine.vocabulary.tokenize("hello"))
    same = await embed(encoder, "hello", tokens)
    assert same[0] == pytest.approx(same[1])


async def test_tokens_are_counted(encoder: Local) -> None:
    found = await encoder.embed(ir.EmbeddingRequest("m", ("ab", "c")))
    assert found.usage == ir.Usage(input=4 + 3)  # letters, and a mark at either end


async def test_fewer_dimensions_are_the_first_ones_at_length_one(encoder: Local) -> None:
    whole, short = await embed(encoder, "abc"), await embed(encoder, "abc", dimensions=8)
    assert short[0] == pytest.approx(unit(whole[0][:8]))


@pytest.mark.parametrize(
    ("inputs", "fields", "problem"),
    [
        (("a", ""), {}, r"input\.1: it is empty"),
        (("a", ()), {}, r"input\.1: it is empty"),
        (((2, 99, 3),), {}, r"input\.0: tokens of this model are 0 to 56"),
        (((2, -1, 3),), {}, r"input\.0: tokens of this model are 0 to 56"),
        (("x " * 200,), {}, r"input\.0: it has 202 tokens, and the model reads 128 at most"),
        (("a",), {"dimensions": 33}, r"dimensions: this model's vectors have 32"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_the_numbers(
    encoder: Local, inputs: tuple[Any, ...], fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        await embed(encoder, *inputs, **fields)


async def test_what_is_too_long_is_cut_where_the_client_wants_it(encoder: Local) -> None:
    tokens = tuple(encoder._engine.vocabulary.tokenize("x " * 126))
    assert len(tokens) == 128
    cut, whole = await embed(encoder, "x " * 500, tokens, truncate=True)
    assert cut == pytest.approx(whole)


async def test_an_encoder_starts_without_a_template_and_answers_nobody(encoder: Local) -> None:
    (model,) = await encoder.models()
    assert (model.context_window, model.features) == (128, frozenset({"embeddings"}))
    with pytest.raises(NotSupported, match="makes embeddings and answers nobody"):
        await encoder.prepare(ask(HELLO))
    with pytest.raises(NotSupported, match="answers nobody"):
        await encoder.count_tokens(ask(HELLO))


async def test_a_mode_takes_what_it_names_and_no_more() -> None:
    async with running("llamacpp", mode="chat") as provider:
        with pytest.raises(NotSupported, match="makes no embeddings"):
            await embed(provider, "a")
    async with running("llamacpp", mode="embeddings") as provider:
        assert len(await embed(provider, "a")) == 1
        with pytest.raises(NotSupported, match="answers nobody"):
            await provider.prepare(ask(HELLO))


async def test_no_text_may_be_longer_than_the_model_was_made_for(bert: Path) -> None:
    with pytest.raises(ConfigError, match=r"embedding_context: 129 .* made for 128"):
        async with running("llamacpp", model=str(bert), context=None, embedding_context=129):
            pass


@pytest.mark.parametrize("kind", ["t5", "t5encoder"])
async def test_a_model_of_two_halves_is_refused(kind: str, tmp_path: Path) -> None:
    told = {"general.architecture": kind, f"{kind}.context_length": 512}
    path = gguf_files.write(tmp_path / "t5.gguf", told, {"t": np.zeros(32)})
    with pytest.raises(ConfigError, match="models with an encoder of their own, such as T5"):
        async with running("llamacpp", model=str(path)):
            pass


async def test_too_little_memory_for_a_text_is_told_by_the_key_that_sets_it(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.library(), "llama_init_from_model", lambda model, params: None)
    with pytest.raises(ConfigError, match=r"texts of 128 tokens .*; lower `embedding_context`"):
        async with running("llamacpp", model=str(bert), context=None):
            pass
