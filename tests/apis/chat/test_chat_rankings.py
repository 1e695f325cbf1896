"""Rankings on the wire, in the shape that several servers share."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.apis.chat import ranking
from polystack.apis.chat.api import Chat
from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest

SCORES = ir.Ranking((0.2, 0.9, 0.2, 0.5), ir.Usage(input=7))
ASKED: dict[str, Any] = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}, "c", "d"]}


def results(**more: Any) -> list[dict[str, Any]]:
    request = ranking.decode(ASKED | more)
    found: list[dict[str, Any]] = ranking.document(request, SCORES)["results"]
    return found


def test_documents_are_texts_or_objects_with_one() -> None:
    request = ranking.decode(ASKED)
    assert (request.query, request.documents) == ("q", ("a", "b", "c", "d"))


def test_the_best_comes_first_and_of_equals_the_first() -> None:
    assert results() == [
        {"index": 1, "relevance_score": 0.9},
        {"index": 3, "relevance_score": 0.5},
        {"index": 0, "relevance_score": 0.2},
        {"index": 2, "relevance_score": 0.2},
    ]


def test_only_as_many_as_are_wanted_come_with_their_documents_if_those_are() -> None:
    assert results(top_n=1, return_documents=True) == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}
    ]
    assert len(results(top_n=99)) == 4


def test_tokens_are_counted() -> None:
    document = ranking.document(ranking.decode(ASKED), SCORES)
    assert (document["model"], document["usage"]["total_tokens"]) == ("m", 7)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"query": ""}, "query"),
        ({"query": 3}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", {"title": "b"}]}, "documents.1"),
        ({"top_n": 0}, "top_n"),
    ],
)
def test_what_is_no_request_is_refused_by_name(body: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ranking.decode(ASKED | body)
    assert problem in caught.value.message


def test_an_upstreams_ranking_is_no_fault() -> None:
    answer = {"id": "r", "model": "m", "results": [{"index": 0, "relevance_score": 1.0}]}
    assert Chat().fault(answer) is None
    assert Chat().fault({"id": "r"}) is not None
