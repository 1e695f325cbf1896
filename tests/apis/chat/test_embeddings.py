"""Embeddings on the wire, as the openai SDK reads them."""

from __future__ import annotations

import pytest
from openai._models import construct_type
from openai.types import CreateEmbeddingResponse

from polystack.apis.chat import embeddings
from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest

VECTORS = ((0.5, -1.25), (3.0, 0.0))


@pytest.mark.parametrize("given", ["one", ["one"]])
def test_one_text_or_several(given: str | list[str]) -> None:
    assert embeddings.decode({"model": "m", "input": given}).inputs == ("one",)


@pytest.mark.parametrize(
    ("given", "inputs"), [([1, 2], ((1, 2),)), ([[1, 2], [3]], ((1, 2), (3,)))]
)
def test_one_text_in_tokens_or_several(given: object, inputs: object) -> None:
    assert embeddings.decode({"model": "m", "input": given}).inputs == inputs


@pytest.mark.parametrize("given", ["", [], 3, None, ["a", 1], [1.5]])
def test_nothing_is_no_input(given: object) -> None:
    with pytest.raises(InvalidRequest, match="input"):
        embeddings.decode({"model": "m", "input": given})


def test_the_answer_is_the_sdks() -> None:
    request = embeddings.decode({"model": "m", "input": ["one", "two"]})
    answer = ir.Embeddings(VECTORS, ir.Usage(input=5))
    document = embeddings.document(request, answer)
    found = CreateEmbeddingResponse.model_validate(document)
    assert [tuple(entry.embedding) for entry in found.data] == list(VECTORS)
    assert found.usage.total_tokens == 5
    assert construct_type(value=document, type_=CreateEmbeddingResponse) == found


def test_base64_holds_little_endian_floats() -> None:
    request = embeddings.decode({"input": "one", "encoding_format": "base64"})
    (entry,) = embeddings.document(request, ir.Embeddings(VECTORS[:1]))["data"]
    assert entry["embedding"] == "AAAAPwAAoL8="
