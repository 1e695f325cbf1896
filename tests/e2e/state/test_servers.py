"""Several servers on one database, and servers that are killed while they answer.

`--kills 100` kills that many of them; `-k sqlite` or `-k postgres` chooses the database.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.request import Request

import openai
import pytest
from judging import judge
from ruamel.yaml import YAML
from serving import STACK, serving

# What is kept in memory ends with its process.
pytestmark = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)

CLIENTS = 4
"""That ask at the same time, half of them for a stream."""


@pytest.fixture
def path(store: dict[str, Any], tmp_path: Path) -> Path:
    distribution = {"extends": "scripted", "store": store}
    made = tmp_path / "shared.yaml"
    YAML(typ="safe", pure=True).dump(distribution, made)
    return made


def test_what_was_begun_on_one_server_goes_on_on_another(path: Path) -> None:
    with serving(path) as one, serving(path) as other:
        ours, theirs = (openai.OpenAI(base_url=f"{url}/v1", api_key="k") for url in (one, other))
        first = ours.responses.create(model="scripted", input="Say hello")
        assert theirs.responses.retrieve(first.id) == first
        second = theirs.responses.create(
            model="scripted", input="And again", previous_response_id=first.id
        )
        asked = ours.responses.input_items.list(second.id, order="asc")
        assert [item.type for item in asked][-3:] == ["message", "message", "message"]
        theirs.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            ours.responses.retrieve(first.id)
        for client in (ours, theirs):
            client.close()


def test_a_killed_server_has_lost_no_answer_that_was_complete(
    path: Path, pytestconfig: pytest.Config
) -> None:
    complete: dict[str, str] = {}
    for number in range(pytestconfig.getoption("--kills") or 2):
        found = killed(path, after=5 + 7 * number % 40)
        assert found, f"no answer in round {number}"
        complete |= found
    with serving(path) as url:
        for id, text in complete.items():
            with urllib.request.urlopen(f"{url}/v1/responses/{id}", timeout=60) as answer:
                assert said(json.load(answer)) == text


def killed(path: Path, after: int) -> dict[str, str]:
    """The answers that clients saw to their ends, before and while the server was killed."""
    with Popen([STACK, "run", path, "--port", "0"], stdout=PIPE) as server:
        assert server.stdout is not None
        urls = (re.search(rb"http://[^\s/]+", line) for line in server.stdout)
        url = next(found[0].decode() for found in urls if found)
        clients = [Client(url, streamed=n % 2 == 0, enough=after) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        clients[0].asked.wait(60)
        server.kill()
        for client in clients:
            client.join(60)
    return {id: text for client in clients for id, text in client.complete.items()}


class Client(threading.Thread):
    """Asks again and again, until there is nobody to ask."""

    def __init__(self, url: str, streamed: bool, enough: int) -> None:
        super().__init__(daemon=True)
        self.complete: dict[str, str] = {}
        self.asked = threading.Event()
        self._enough = enough
        body = {"model": "scripted", "input": "Say hello", "stream": streamed}
        headers = {"content-type": "application/json"}
        self._request = Request(f"{url}/v1/responses", json.dumps(body).encode(), headers)

    def run(self) -> None:
        with suppress(OSError, HTTPException):
            while True:
                self._ask()
                if len(self.complete) == self._enough:
                    self.asked.set()
        self.asked.set()

    def _ask(self) -> None:
        with urllib.request.urlopen(self._request, timeout=60) as answer:
            for response in completed(answer):
                self.complete[response["id"]] = said(response)


def completed(answer: Any) -> Iterator[dict[str, Any]]:
    if answer.headers.get_content_type() == "application/json":
        whole = json.load(answer)
        judge(whole)
        yield whole
        return
    for line in answer:
        if line.startswith(b"data: ") and line.endswith(b"\n"):
            event = json.loads(line[6:])
            judge(event)
            if event["type"] == "response.completed":
                yield event["response"]


def said(response: dict[str, Any]) -> str:
    assert response["status"] == "completed"
    return "".join(
        part["text"] for item in response["output"] for part in item.get("content") or ()
    )
