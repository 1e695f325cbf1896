"""What fails after the first sign of life, when it is too late for a status of its own.

Where bytes pass, the head of the answer is the upstream's: until it comes there is no sign of
life, and a failure still has its status.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_calls import Cell, ask, distribution, until_idle
from fault_kinds import BREAKS, KINDS, SUCCESS, script, terminals
from peer import Answer, Peer, Received, transcripts
from peer.raw import Reply
from serving import serving

SERVER = "server: {first_event_timeout: 0.02, keep_alive: 0.02}\n"
LATE = 0.4  # seconds
NAMES = (
    "reset closed not-http 400 401 429 500 529 redirect page-200 empty error-in-200 limit-in-200"
    " truncated no-events error-first busy-first vllm-first bad-first error early-end split-utf8"
    " other-way"
).split()
CELLS = [
    Cell(name, client, upstream, True) for name in NAMES for client, upstream in transcripts.PAIRS
]
SIGNS = {"messages": b"event: ping\n", "responses": b"event: response.created\n", "chat": b": "}


def late(request: Received) -> Answer:
    answer = script(request)
    return Answer((LATE, *answer.pieces), answer.close)


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Cell, Reply]]:
    source: Path = tmp_path_factory.mktemp("late") / "late.yaml"
    with Peer() as peer:
        peer.script = late
        source.write_text(distribution(peer.url) + SERVER)
        with serving(source) as url, ThreadPoolExecutor(16) as pool:
            yield dict(zip(CELLS, pool.map(lambda cell: ask(url, cell), CELLS), strict=True))
            until_idle(url)


@pytest.mark.parametrize("name", NAMES)
def test_a_late_failure_is_the_terminal_of_its_stream(
    name: str, replies: dict[Cell, Reply]
) -> None:
    for cell in CELLS:
        if cell.name == name and not cell.native:
            reply = replies[cell]
            assert reply.status == 200, cell
            assert reply.body.startswith(SIGNS[cell.client]), cell
            ends = ["success" if cell.expected == SUCCESS else "error"]
            assert terminals(cell.client, reply.body) == ends, (cell, reply.body)


@pytest.mark.parametrize("name", NAMES)
def test_where_bytes_pass_a_late_head_changes_nothing(
    name: str, replies: dict[Cell, Reply]
) -> None:
    for cell in CELLS:
        if cell.name == name and cell.native:
            status = 200 if cell.expected in (SUCCESS, BREAKS) else cell.expected
            assert replies[cell].status == status, cell


def test_a_late_refusal_of_this_servers_key_is_hidden(replies: dict[Cell, Reply]) -> None:
    shown = [reply.body for cell, reply in replies.items() if cell.name == "401"]
    assert len(shown) == len(transcripts.PAIRS)
    assert not any(b"upstream-key" in body or b"10.1.2.3" in body for body in shown)


def test_all_kinds_are_known() -> None:
    assert set(NAMES) <= KINDS.keys()
