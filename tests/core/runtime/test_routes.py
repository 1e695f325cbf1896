from __future__ import annotations

import pytest

from polystack.core import Api
from polystack.core.contract.api import Operation
from polystack.core.runtime.plugins import Plugins
from polystack.core.runtime.routes import Match, Routes

PLUGINS = Plugins()
ALL = Routes([PLUGINS.api(name) for name in ("messages", "responses", "chat")])
ANTHROPIC = {"anthropic-version": "2023-06-01"}


def found(match: Match) -> tuple[str, str | None, str]:
    return match.api.name, match.operation.name if match.operation else None, "/".join(match.items)


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/messages", "messages"),
        ("/v1/responses", "responses"),
        ("/v1/chat/completions", "chat"),
    ],
)
def test_each_protocol_has_its_own_path_whatever_the_headers(path: str, api: str) -> None:
    assert found(ALL.match("POST", path, {})) == (api, "create", "")
    assert found(ALL.match("POST", path, ANTHROPIC)) == (api, "create", "")


def test_a_shared_path_goes_to_the_api_that_the_headers_speak() -> None:
    assert ALL.match("GET", "/v1/models", ANTHROPIC).api.name == "messages"
    assert ALL.match("GET", "/v1/models", {}).api.name == "responses"


def test_a_model_name_may_hold_slashes() -> None:
    name, operation, item = found(ALL.match("GET", "/v1/models/ollama/qwen3:8b", {}))
    assert (name, item) == ("responses", "ollama/qwen3:8b")
    assert operation is not None


def test_the_only_api_serves_a_shared_path_for_everybody() -> None:
    messages: Api = PLUGINS.api("messages")
    assert Routes([messages]).match("GET", "/v1/models", {}).operation is not None


def test_a_wrong_method_names_the_right_one() -> None:
    match = ALL.match("GET", "/v1/messages", {})
    assert (match.operation, match.allowed, match.api.name) == (None, ("POST",), "messages")


def test_nobodys_path_is_answered_in_the_clients_dialect() -> None:
    assert found(ALL.match("GET", "/v9/what", ANTHROPIC)) == ("messages", None, "")
    assert found(ALL.match("GET", "/v9/what", {})) == ("responses", None, "")
    assert ALL.match("GET", "/v1/models/", {}).operation is None


class Shelves(type(ALL.match("GET", "/v1/models", {}).api)):  # type: ignore[misc]
    """Paths with parameters in their middle."""

    operations = (
        Operation("shelf", "state", "GET", "/v1/shelves/{id}"),
        Operation("books", "state", "GET", "/v1/shelves/{id}/books"),
        Operation("add", "state", "POST", "/v1/shelves/{id}/books"),
        Operation("book", "state", "GET", "/v1/shelves/{id}/books/{item}"),
    )


@pytest.mark.parametrize(
    ("method", "path", "operation", "items"),
    [
        ("GET", "/v1/shelves/7", "shelf", "7"),
        ("GET", "/v1/shelves/7/books", "books", "7"),
        ("POST", "/v1/shelves/7/books", "add", "7"),
        ("GET", "/v1/shelves/7/books/a", "book", "7/a"),
        ("GET", "/v1/shelves/7/rooms", "shelf", "7/rooms"),
        ("DELETE", "/v1/shelves/7/books", None, ""),
    ],
)
def test_parameters_stand_between_slashes_and_the_last_may_hold_some(
    method: str, path: str, operation: str | None, items: str
) -> None:
    _, found_operation, found_items = found(Routes([Shelves()]).match(method, path, {}))
    assert (found_operation, found_items) == (operation, items)
