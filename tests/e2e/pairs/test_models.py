"""The models of servers: listed by each protocol's SDK, and found by their bare names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peer import Answer, Peer, Received, refused, transcripts, whole
from peer.clients import Clients, connected
from serving import serving

DISTRIBUTION = """\
version: 1
name: listed
apis: [messages, responses, chat]
providers:
  gpt: {{type: openai, config: {{base_url: "{url}", api_key: upstream-key}}}}
  claude: {{type: anthropic, config: {{base_url: "{url}", api_key: upstream-key}}}}
"""
LISTED: dict[str, Any] = {
    "gpt": {
        "object": "list",
        "data": [
            {"id": "gpt-wire", "object": "model", "created": 1763683200, "owned_by": "wire"},
            {"id": "both-have-it", "object": "model", "created": 1763683200, "owned_by": "wire"},
        ],
    },
    "claude": {
        "data": [
            {
                "type": "model",
                "id": "claude-wire",
                "display_name": "Claude Wire",
                "created_at": "2026-02-19T00:00:00Z",
            },
            {
                "type": "model",
                "id": "both-have-it",
                "display_name": "Both",
                "created_at": "2026-02-19T00:00:00Z",
            },
        ],
        "has_more": False,
        "first_id": "claude-wire",
        "last_id": "both-have-it",
    },
}


def script(request: Received) -> Answer:
    """One server for both: who asks by Anthropic's headers gets Anthropic's list."""
    vendor = "claude" if "anthropic-version" in request.names else "gpt"
    if (request.method, request.path) == ("GET", "/v1/models"):
        return whole(LISTED[vendor])
    for api, path in transcripts.PATHS.items():
        if request.path == path:
            return transcripts.answer(api, "text", False)
    return refused(404)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, Clients]]:
    source: Path = tmp_path_factory.mktemp("listed") / "listed.yaml"
    with Peer() as peer:
        peer.script = script
        source.write_text(DISTRIBUTION.format(url=peer.url))
        with serving(source) as url, connected(url) as clients:
            assert not peer.requests  # a start asks nobody
            yield peer, clients


def listing(clients: Clients) -> list[set[str]]:
    return [
        {model.id for model in clients.gpt.models.list()},
        {model.id for model in clients.claude.models.list()},
    ]


def test_each_sdk_lists_what_the_servers_have(listed: tuple[Peer, Clients]) -> None:
    for ids in listing(listed[1]):
        assert ids >= {"gpt-wire", "claude-wire"}


def test_an_id_that_two_servers_share_is_listed_with_their_names(
    listed: tuple[Peer, Clients],
) -> None:
    for ids in listing(listed[1]):
        assert ids >= {"gpt/both-have-it", "claude/both-have-it"}


@pytest.mark.parametrize("server", ["gpt", "claude"])
def test_an_id_that_two_servers_share_is_asked_for_with_a_server_in_front(
    listed: tuple[Peer, Clients], server: str
) -> None:
    peer, clients = listed
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
    clients.ask("chat", asked | {"model": f"{server}/both-have-it"}, False)
    path = transcripts.PATHS["chat" if server == "gpt" else "messages"]
    assert (peer.last.path, peer.last.document["model"]) == (path, "both-have-it")


@pytest.mark.parametrize("client", transcripts.PROTOCOLS)
@pytest.mark.parametrize(
    ("name", "path"), [("gpt-wire", "/v1/chat/completions"), ("claude-wire", "/v1/messages")]
)
def test_a_name_that_one_server_has_needs_no_provider_in_front(
    listed: tuple[Peer, Clients], client: str, name: str, path: str
) -> None:
    peer, clients = listed
    asked: dict[str, Any] = {"model": name, "input": "hi"}
    if client != "responses":
        asked = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
    asked |= {"max_tokens": 9} if client == "messages" else {}
    clients.ask(client, asked, False)
    assert peer.last.path == path
    assert json.loads(peer.last.body)["model"] == name


def test_a_server_is_asked_for_its_list_with_its_own_key(listed: tuple[Peer, Clients]) -> None:
    peer, clients = listed
    clients.gpt.models.list()
    asked = [request for request in peer.requests if request.path == "/v1/models"]
    assert {request.header("x-api-key") for request in asked} == {None, "upstream-key"}
    assert {request.header("authorization") for request in asked} == {None, "Bearer upstream-key"}
