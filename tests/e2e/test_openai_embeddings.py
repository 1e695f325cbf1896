"""Embeddings by the model that ships, through the openai SDK."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def client(tiny: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{tiny}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_texts_become_vectors_in_base64_and_in_numbers(client: OpenAI) -> None:
    packed = client.embeddings.create(model="tiny", input=["one", "two words"])  # base64 unasked
    plain = client.embeddings.create(
        model="tiny", input=["one", "two words"], encoding_format="float"
    )
    assert [entry.index for entry in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert packed.usage.total_tokens == plain.usage.total_tokens > 2
    assert len(packed.data[0].embedding) == 192


def test_dimensions_are_as_many_as_are_asked_for(client: OpenAI) -> None:
    (entry,) = client.embeddings.create(model="tiny", input=[5, 6, 7], dimensions=16).data
    assert len(entry.embedding) == 16
    assert sum(number * number for number in entry.embedding) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["fine", ""], "input.1: it is empty"),
        ([[10**6]], "tokens of this model are 0 to"),
        ("word " * 4000, "the model reads 2048 at most"),
    ],
)
def test_what_cannot_be_embedded_is_the_clients_error(
    client: OpenAI, given: list[str], problem: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=problem):
        client.embeddings.create(model="tiny", input=given)
