"""Cells of the fault matrix, and how a client without an SDK asks for one."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fault_kinds import KINDS, Kind
from peer import raw, transcripts

DISTRIBUTION = """\
version: 1
name: faults
apis: [messages, responses, chat]
providers:
  messages: {{type: anthropic, config: {{{settings}}}}}
  responses: {{type: openai, config: {{native: [responses], {settings}}}}}
  chat: {{type: openai, config: {{{settings}}}}}
  hasty-messages: {{type: anthropic, config: {{{settings}, {hasty}}}}}
  hasty-responses: {{type: openai, config: {{native: [responses], {settings}, {hasty}}}}}
  hasty-chat: {{type: openai, config: {{{settings}, {hasty}}}}}
"""
SETTINGS = 'base_url: "{url}", api_key: upstream-key, discover: false, retries: {retries}'
HASTY = "timeouts: {first_byte: 0.4, idle: 0.4, total: 0.8}"
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello"},
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
}


def distribution(url: str, retries: int = 0) -> str:
    """A provider for each protocol, with the default timeouts and with small ones."""
    settings = SETTINGS.format(url=url, retries=retries)
    return DISTRIBUTION.format(settings=settings, hasty=HASTY)


class Cell(NamedTuple):
    name: str
    client: str
    upstream: str
    stream: bool

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def native(self) -> bool:
        return self.client == self.upstream

    @property
    def expected(self) -> int:
        return self.kind.expected(self.client, self.upstream)

    @property
    def asked(self) -> dict[str, Any]:
        """The body but for `stream`, which an SDK's method sets."""
        provider = f"hasty-{self.upstream}" if self.kind.hasty else self.upstream
        return ASKED[self.client] | {"model": f"{provider}/{self.name}"}

    def __str__(self) -> str:
        way = "streamed" if self.stream else "whole"
        return f"{self.name}, {self.client} to {self.upstream}, {way}"


CELLS = [
    Cell(name, client, upstream, stream)
    for name, kind in KINDS.items()
    for client, upstream in transcripts.PAIRS
    for stream in (False, True)
    if kind.streamed in (None, stream)
]


def ask(url: str, cell: Cell) -> raw.Reply:
    body = cell.asked | ({"stream": True} if cell.stream else {})
    headers = {"anthropic-version": "2023-06-01"}
    return raw.post(url, transcripts.PATHS[cell.client], json.dumps(body).encode(), headers)


def running(url: str) -> int:
    """How many calls the providers say that they are at."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", "/health")
    health = json.loads(connection.getresponse().read())
    connection.close()
    return sum(provider["running"] for provider in health["providers"].values())


def until_idle(url: str) -> None:
    deadline = time.monotonic() + 30
    while running(url) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running(url) == 0
