"""Embeddings on the wire, as the ollama package sends and reads them."""

from __future__ import annotations

from typing import Any

import pytest
from ollama import EmbeddingsResponse, EmbedResponse
from ollama._types import EmbeddingsRequest, EmbedRequest

from polystack.apis.ollama.api import Ollama
from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.core.contract.losses import foreign

API = Ollama()
VECTORS = ((0.5, -1.25), (3.0, 0.0))


@pytest.mark.parametrize("given", ["one", ["one"]])
def test_one_text_or_several(given: str | list[str]) -> None:
    sent = EmbedRequest(model="m", input=given, dimensions=2).model_dump(exclude_none=True)
    request = API.decode_embedding(sent, "embed")
    assert (request.model, request.inputs, request.dimensions) == ("m", ("one",), 2)


def test_the_answer_is_the_packages() -> None:
    request = API.decode_embedding({"model": "m", "input": ["one", "two"]}, "embed")
    answer = ir.Embeddings(VECTORS, ir.Usage(input=5))
    found = EmbedResponse.model_validate(API.embeddings(request, answer))
    assert [tuple(vector) for vector in found.embeddings] == list(VECTORS)
    assert (found.model, found.prompt_eval_count) == ("m", 5)


def test_the_older_path_takes_a_prompt_and_gives_one_vector() -> None:
    sent = EmbeddingsRequest(model="m", prompt="one").model_dump(exclude_none=True)
    request = API.decode_embedding(sent, "embeddings")
    assert request.inputs == ("one",)
    document = API.embeddings(request, ir.Embeddings(VECTORS[:1], ir.Usage(input=5)))
    assert document == {"embedding": [0.5, -1.25]}
    assert tuple(EmbeddingsResponse.model_validate(document).embedding) == VECTORS[0]


@pytest.mark.parametrize(
    ("operation", "document", "problem"),
    [
        ("embed", {"model": "m"}, "input: field required"),
        ("embed", {"model": "m", "prompt": "one"}, "input: field required"),
        ("embed", {"model": "m", "input": []}, "input: at least one text"),
        ("embed", {"model": "m", "input": ["one", 2]}, "input.1: "),
        ("embed", {"input": "one"}, "model: field required"),
        ("embed", {"model": "m", "input": "one", "dimensions": 0}, "dimensions: "),
        ("embeddings", {"model": "m"}, "prompt: field required"),
        ("embeddings", {"model": "m", "input": "one"}, "prompt: field required"),
    ],
)
def test_what_is_no_request_is_refused_by_name(operation: str, document: Any, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        API.decode_embedding(document, operation)
    assert problem in caught.value.message


def test_how_a_model_is_loaded_is_nothing_to_lose() -> None:
    asked: dict[str, Any] = {"model": "m", "input": "one"}
    asked["options"] = {"num_gpu": 1, "num_thread": 2}
    assert foreign(API.decode_embedding(asked, "embed")) == []
    asked |= {"options": {"num_gpu": 1, "num_ctx": 9}}
    (found,) = foreign(API.decode_embedding(asked, "embed"))
    assert found.path == "options"


@pytest.mark.parametrize(("asked", "cut"), [({}, True), ({"truncate": False}, False)])
def test_what_is_too_long_is_cut_unless_the_client_forbids_it(
    asked: dict[str, Any], cut: bool
) -> None:
    request = API.decode_embedding({"model": "m", "input": "one", **asked}, "embed")
    assert request.truncate is cut
