"""Every kind of upstream failure, for each client protocol and each upstream protocol.

A call ends with the documented status, or its stream with exactly one terminal: never with a
silent success, and never with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from fault_kinds import KINDS, Kind, script, terminals
from peer import Peer, transcripts
from peer.clients import Clients, connected
from serving import serving

DISTRIBUTION = """\
version: 1
name: faults
apis: [messages, responses, chat]
providers:
  messages: {{type: anthropic, config: {settings}}}
  responses: {{type: openai, config: {{native: [responses], {rest}}}}}
  chat: {{type: openai, config: {settings}}}
"""
SETTINGS = (
    'base_url: "{url}", api_key: upstream-key, discover: false, retries: 0, '
    "timeouts: {{first_byte: 0.5, idle: 0.5, total: 0.5}}"
)
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}
CELLS = [
    (name, client, upstream, stream)
    for name, kind in KINDS.items()
    for client, upstream in transcripts.PAIRS
    for stream in (False, True)
    if kind.streamed in (None, stream)
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source: Path = tmp_path_factory.mktemp("faults") / "faults.yaml"
    with Peer() as peer:
        peer.script = script
        rest = SETTINGS.format(url=peer.url)
        source.write_text(DISTRIBUTION.format(settings="{" + rest + "}", rest=rest))
        with serving(source) as url:
            yield url


@pytest.fixture(scope="module")
def clients(stack: str) -> Iterator[Clients]:
    with connected(stack) as clients:
        yield clients


def body_of(name: str, client: str, upstream: str, stream: bool) -> dict[str, Any]:
    return ASKED[client] | {"model": f"{upstream}/{name}"} | ({"stream": True} if stream else {})


def ask(url: str, client: str, body: dict[str, Any]) -> tuple[HTTPResponse, bytes]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    try:
        connection.request("POST", transcripts.PATHS[client], json.dumps(body), headers)
        reply = connection.getresponse()
        return reply, reply.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def replies(stack: str) -> dict[tuple[str, str, str, bool], tuple[HTTPResponse, bytes]]:
    """All cells side by side: what waits for one silent upstream keeps no other waiting."""
    with ThreadPoolExecutor(12) as pool:
        bodies = [(cell[1], body_of(*cell)) for cell in CELLS]
        found = pool.map(lambda asked: ask(stack, *asked), bodies)
        return dict(zip(CELLS, found, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_a_call_ends_in_the_documented_way(
    name: str, replies: dict[tuple[str, str, str, bool], tuple[HTTPResponse, bytes]]
) -> None:
    wrong = []
    for cell, (reply, body) in replies.items():
        if cell[0] == name and (problem := _problem(KINDS[name], *cell[1:], reply, body)):
            wrong.append(f"{' '.join(map(str, cell))}: {problem}")
    assert not wrong, "\n".join(wrong)


def _problem(
    kind: Kind, client: str, upstream: str, stream: bool, reply: HTTPResponse, body: bytes
) -> str | None:
    expected = kind.expected(client, upstream)
    if b"upstream-key" in body or b"127.0.0.1" in body or b"10.1.2.3" in body:
        return f"the server's secrets show: {body!r}"
    if expected not in (0, 200):
        if reply.status != expected:
            return f"status {reply.status}, not {expected}: {body[:300]!r}"
        return _envelope(client, body)
    if reply.status != 200:
        return f"status {reply.status}, not 200: {body[:300]!r}"
    if not stream:
        return None if "Grüße aus Köln 😀.".encode() in _unescaped(body) else f"{body[:500]!r}"
    ends = terminals(client, body)
    wanted = ["error"] if expected == 0 else ["success"]
    if client == upstream and kind is KINDS["no-done"]:
        wanted = [] if client == "chat" else wanted  # the bytes pass, and it ended with its reason
    return None if ends == wanted else f"the terminals are {ends}: {body[-500:]!r}"


def _unescaped(body: bytes) -> bytes:
    return json.dumps(json.loads(body), ensure_ascii=False).encode()


def _envelope(client: str, body: bytes) -> str | None:
    document = json.loads(body)
    error = document.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return f"no error that {client} has: {body!r}"
    if client == "messages" and document.get("type") != "error":
        return f"no envelope of Messages: {body!r}"
    return None


def test_a_limit_keeps_its_retry_after(
    replies: dict[tuple[str, str, str, bool], tuple[HTTPResponse, bytes]],
) -> None:
    kept = [
        reply.headers["retry-after"] for cell, (reply, _) in replies.items() if cell[0] == "429"
    ]
    assert kept == ["7"] * 18


FAILING = [
    (name, client, upstream)
    for name, client, upstream, stream in CELLS
    if stream
    and KINDS[name].expected(client, upstream) != 200
    # Bytes that pass are the SDK's to stumble over.
    and not (client == upstream and name in ("bad-event", "bad-utf8"))
]


@pytest.mark.parametrize("client", ["messages", "responses", "chat"])
def test_no_failure_is_a_silent_success_to_the_sdks(client: str, clients: Clients) -> None:
    """Streams only: a status is noticed by everybody."""

    def outcome(cell: tuple[str, str, str]) -> str | None:
        name, _, upstream = cell
        asked = ASKED[client] | {"model": f"{upstream}/{name}"}
        try:
            if client == "responses":
                return _last_event(clients, asked)
            answer = clients.ask(client, asked, True)
        except (anthropic.APIError, openai.APIError):
            return None
        except RuntimeError as error:
            # Its helper takes no other event first, an error either.
            return None if name == "error-first" else f"{cell}: {error}"
        return f"{cell}: {answer}"

    cells = [cell for cell in FAILING if cell[1] == client]
    with ThreadPoolExecutor(8) as pool:
        wrong = [problem for problem in pool.map(outcome, cells) if problem]
    assert not wrong, "\n".join(wrong)


def _last_event(clients: Clients, asked: dict[str, Any]) -> str | None:
    """What the helper for Responses gives at the end, which it does not raise."""
    with clients.gpt.responses.stream(**asked) as stream:
        last = list(stream)[-1]
    return None if last.type in ("response.failed", "error") else f"{asked}: {last}"


def test_nothing_is_left_running(stack: str, replies: object) -> None:
    address = urlsplit(stack)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request("GET", "/health")
    health = json.loads(connection.getresponse().read())
    connection.close()
    assert {provider["running"] for provider in health["providers"].values()} == {0}
