"""The same cells, judged by the official SDKs: an error of theirs, and never a silent success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from facing import Face
from fault_calls import CELLS, Cell
from fault_kinds import BREAKS, SUCCESS
from peer.clients import Clients, connected

TEXT = "Grüße aus Köln 😀.\nDone."
# Where these pass, an SDK is given the bytes that it cannot read itself.
UNREADABLE = {"bad-event", "bad-first", "bad-utf8", "list-event", "byte-order-mark", "junk-behind"}
NAMES = {
    400: "BadRequestError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
# What clients of Messages go by, besides the status.
TYPES = {
    400: "invalid_request_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
Error = (anthropic.APIError, openai.APIError)
StatusError = (anthropic.APIStatusError, openai.APIStatusError)


@pytest.fixture(scope="module")
def clients(faulty: Path, face: Face) -> Iterator[Clients]:
    with face(faulty) as url, connected(url) as clients:
        yield clients


def wrong(cells: list[Cell], judged: Callable[[Cell], str | None]) -> str:
    """What is wrong with them, a line for each."""
    assert cells
    with ThreadPoolExecutor(8) as pool:
        found = zip(cells, pool.map(judged, cells), strict=True)
        return "\n".join(f"{cell}: {problem}" for cell, problem in found if problem)


def raised(clients: Clients, cell: Cell) -> Exception | None:
    try:
        clients.ask(cell.client, cell.asked, cell.stream)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("client", ["messages", "responses", "chat"])
def test_what_fails_before_its_first_byte_is_the_error_of_its_status(
    client: str, clients: Clients
) -> None:
    def judged(cell: Cell) -> str | None:
        error = raised(clients, cell)
        if not isinstance(error, StatusError) or error.status_code != cell.expected:
            return f"{error!r} and not {cell.expected}"
        name = NAMES.get(cell.expected)
        if name is not None and type(error).__name__ != name:
            return f"{type(error).__name__} and not {name}"
        return _type_of_messages(cell, error)

    cells = [
        cell for cell in CELLS if cell.client == client and cell.expected not in (SUCCESS, BREAKS)
    ]
    assert not (found := wrong(cells, judged)), found


def _type_of_messages(cell: Cell, error: Any) -> str | None:
    if cell.client != "messages" or cell.native:
        return None  # where bytes pass, the type is the upstream's own
    kind = error.body["error"]["type"]
    return None if kind == TYPES[cell.expected] else f"{kind} and not {TYPES[cell.expected]}"


@pytest.mark.parametrize("client", ["messages", "responses", "chat"])
def test_a_stream_that_breaks_is_an_error_to_whoever_reads_its_events(
    client: str, clients: Clients
) -> None:
    def judged(cell: Cell) -> str | None:
        try:
            last = _read(clients, cell)
        except Error:
            return None
        except ValueError as error:
            return None if cell.native and cell.name in UNREADABLE else repr(error)
        # The SDK hands the failures of this protocol over as events.
        failed = client == "responses" and last in ("response.failed", "error")
        return None if failed else f"a silent success, behind {last}"

    assert not (found := wrong(breaking(client), judged)), found


@pytest.mark.parametrize("client", ["messages", "responses", "chat"])
def test_a_stream_that_breaks_is_an_error_to_whoever_waits_for_the_answer(
    client: str, clients: Clients
) -> None:
    def judged(cell: Cell) -> str | None:
        try:
            answer = _whole(clients, cell)
        except Exception as error:
            if cell.native and cell.name in UNREADABLE:
                return None
            # The helper of Responses has no error of its own for an answer that failed.
            known = (*Error, RuntimeError) if client == "responses" else Error
            return None if isinstance(error, known) else repr(error)
        return f"a silent success: {answer}"

    assert not (found := wrong(breaking(client), judged)), found


def breaking(client: str) -> list[Cell]:
    return [cell for cell in CELLS if cell.client == client and cell.expected == BREAKS]


def _read(clients: Clients, cell: Cell) -> str:
    """The type of the last event of a raw stream."""
    create: Any = {
        "messages": clients.claude.messages.create,
        "responses": clients.gpt.responses.create,
        "chat": clients.gpt.chat.completions.create,
    }[cell.client]
    last = ""
    for event in create(**cell.asked, stream=True):
        last = getattr(event, "type", "a chunk")
    return last


def _whole(clients: Clients, cell: Cell) -> Any:
    """The answer as the SDK's helper puts it together."""
    match cell.client:
        case "messages":
            with clients.claude.messages.stream(**cell.asked) as message:
                return message.get_final_message()
        case "responses":
            with clients.gpt.responses.stream(**cell.asked) as response:
                return response.get_final_response()
        case _:
            with clients.gpt.chat.completions.stream(**cell.asked) as completion:
                return completion.get_final_completion()


@pytest.mark.parametrize("client", ["messages", "responses", "chat"])
def test_what_is_harmless_is_the_whole_answer(client: str, clients: Clients) -> None:
    def judged(cell: Cell) -> str | None:
        answer = clients.ask(client, cell.asked, cell.stream)
        return None if TEXT in _texts(answer) else f"{answer}"

    cells = [
        cell
        for cell in CELLS
        if cell.client == client
        and cell.expected == SUCCESS
        # The SDKs end at Chat's end, and read on behind the others'.
        and not (cell.native and cell.name in UNREADABLE)
    ]
    assert not (found := wrong(cells, judged)), found


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
        case _:
            return []
