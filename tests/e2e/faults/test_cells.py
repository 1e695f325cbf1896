"""Every kind of upstream failure, for each pair of client and upstream protocol, by its bytes.

A call ends with the documented status, or its stream with exactly one terminal: never with a
silent success, and never with nothing.
"""

from __future__ import annotations

import json
import re

import pytest
from fault_calls import Cell, until_idle
from fault_kinds import BREAKS, DATE, KINDS, MIDWAY, SUCCESS, terminals
from peer.raw import Reply

SECRETS = (b"upstream-key", b"127.0.0.1", b"10.1.2.3")
WORDS = "Grüße aus K".encode()
# What comes shortly before the end of a good answer, and says that it is one.
NEARLY = {
    "messages": re.compile(rb"event: message_delta"),
    "responses": re.compile(rb'"status": ?"completed"'),
    "chat": re.compile(rb'"finish_reason": ?"(?!error)'),
}
SAYING = {name for name in KINDS if name.startswith(("error", "limit-", "busy-", "bare-", "vllm-"))}
TEXT = "Grüße aus Köln 😀.".encode()


@pytest.mark.parametrize("name", KINDS)
def test_a_call_ends_in_the_documented_way(name: str, replies: dict[Cell, Reply]) -> None:
    found = {cell: _problem(cell, reply) for cell, reply in replies.items() if cell.name == name}
    wrong = [f"{cell}: {problem}" for cell, problem in found.items() if problem]
    assert found
    assert not wrong, "\n".join(wrong)


def _problem(cell: Cell, reply: Reply) -> str | None:
    expected, body = cell.expected, reply.body
    if any(secret in body for secret in SECRETS):
        return f"the server's secrets show: {body!r}"
    if reply.status == cell.kind.early:
        expected = reply.status
    if expected not in (SUCCESS, BREAKS):
        if reply.status != expected:
            return f"status {reply.status}, not {expected}: {body[:300]!r}"
        return _envelope(cell.client, body)
    if reply.status != 200:
        return f"status {reply.status}, not 200: {body[:300]!r}"
    if not cell.stream:
        return None if TEXT in _unescaped(body) else f"{body[:500]!r}"
    return _ends(cell, body)


def _ends(cell: Cell, body: bytes) -> str | None:
    ends = terminals(cell.client, body)
    if cell.native and cell.name == "no-done" and cell.client == "chat":
        return f"{ends}" if ends else None  # the bytes pass, and it ended with its reason
    if ends != (["success"] if cell.expected == SUCCESS else ["error"]):
        return f"the terminals are {ends}: {body[-500:]!r}"
    if cell.expected == BREAKS and NEARLY[cell.client].search(body):
        return f"what some clients take for success: {body[-500:]!r}"
    return None


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


def test_what_was_said_before_a_stream_broke_was_shown(replies: dict[Cell, Reply]) -> None:
    silent = [
        str(cell)
        for cell, reply in replies.items()
        if cell.name in MIDWAY and reply.status == 200 and WORDS not in reply.body
    ]
    assert not silent


# What is told where bytes pass, and elsewhere: whole seconds, and never more than a minute.
WAITS = {
    "429": ("7", "7"),
    "429-ms": (None, "2"),
    "429-date": (DATE.format(10), "10"),
    "429-long": ("4000", "60"),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_limit_says_when_to_come_again(name: str, replies: dict[Cell, Reply]) -> None:
    native, translated = WAITS[name]
    for cell, reply in replies.items():
        if cell.name == name:
            told = native if cell.native else translated
            assert reply.headers.get("retry-after") == told, cell


@pytest.mark.parametrize("name", sorted(SAYING))
def test_an_upstreams_words_reach_the_client(name: str, replies: dict[Cell, Reply]) -> None:
    cells = [cell for cell in replies if cell.name == name]
    assert [cell for cell in cells if b"it broke" not in replies[cell].body] == []


def test_nothing_is_left_running(broken: str, replies: dict[Cell, Reply]) -> None:
    assert replies
    until_idle(broken)
