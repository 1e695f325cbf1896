"""For one tenant, what another one has is not there: every call is answered as if nobody had it.

Status and body are the same, but for the name itself, so that not even its existence is told.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from .belongings import HI, Place, place
from .telling import ON_ONE_STORE

# What another tenant has, and a name like it that nobody has.
NAMES = {
    "their_done": "resp_0123456789abcdef0123456789abcdef",
    "their_running": "resp_1123456789abcdef0123456789abcdef",
    "their_streamed": "resp_2123456789abcdef0123456789abcdef",
    "their_talk": "conv_0123456789abcdef0123456789abcdef",
    "their_item": "msg_0123456789abcdef0123456789abcdef_0",
    "their_said": "msg_1123456789abcdef0123456789abcdef_i0",
    "their_file": "file-0123456789abcdef0123456789abcdef",
}
RESPONSES = ("their_done", "their_running", "their_streamed")
META: dict[str, Any] = {"metadata": {}}
PART = {"type": "input_file", "file_id": "ID"}
# Calls by what is in the place of ID, with their bodies.
CALLS: list[tuple[tuple[str, ...], str, Any]] = [
    (RESPONSES, "GET responses/ID", None),
    (RESPONSES, "GET responses/ID?stream=true", None),
    (RESPONSES, "GET responses/ID?stream=true&starting_after=1", None),
    (RESPONSES, "GET responses/ID?include=reasoning.encrypted_content", None),
    (RESPONSES, "GET responses/ID/input_items", None),
    (RESPONSES, "GET responses/ID/input_items?after=msg_x", None),
    (RESPONSES, "POST responses/ID/cancel", None),
    (RESPONSES, "DELETE responses/ID", None),
    (("their_talk",), "GET conversations/ID", None),
    (("their_talk",), "POST conversations/ID", META),
    (("their_talk",), "POST conversations/ID/items", {"items": [HI]}),
    (("their_talk",), "GET conversations/ID/items", None),
    (("their_talk",), "GET conversations/ID/items/{said}", None),
    (("their_talk",), "DELETE conversations/ID/items/{said}", None),
    (("their_talk",), "DELETE conversations/ID", None),
    (("their_item", "their_said"), "GET conversations/{talk}/items/ID", None),
    (("their_item", "their_said"), "DELETE conversations/{talk}/items/ID", None),
    (("their_item", "their_said"), "GET conversations/{talk}/items?after=ID", None),
    (("their_item", "their_said"), "GET responses/{done}/input_items?after=ID", None),
    (("their_item", "their_said"), "POST conversations", {"items": [{"id": "ID"}]}),
    (("their_item", "their_said"), "POST conversations/{talk}/items", {"items": [{"id": "ID"}]}),
    (("their_file",), "GET files/ID", None),
    (("their_file",), "GET files/ID/content", None),
    (("their_file",), "GET files?after=ID", None),
    (("their_file",), "DELETE files/ID", None),
]
# Fields of a new response, which may also be compacted, counted and asked for over a WebSocket.
FIELDS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (RESPONSES, {"previous_response_id": "ID"}),
    (RESPONSES, {"previous_response_id": "ID", "background": True}),
    (("their_talk",), {"conversation": "ID"}),
    (("their_talk",), {"conversation": {"id": "ID"}, "stream": True}),
    (("their_item", "their_said"), {"input": [HI, {"type": "item_reference", "id": "ID"}]}),
    (("their_file",), {"input": [{"role": "user", "content": [PART]}]}),
]


async def test_what_is_anothers_is_answered_as_what_is_nobodys(subtests: pytest.Subtests) -> None:
    async with place("library") as at:
        for names, call, body in CALLS:
            for name in names:
                with subtests.test(call, name=name):
                    await _alike(at, name, call, body)
        await _untouched(at)


async def test_nothing_goes_on_from_what_is_anothers(subtests: pytest.Subtests) -> None:
    async with place("library") as at:
        for path in ("responses", "responses/compact", "responses/input_tokens"):
            for names, fields in FIELDS:
                for name in names:
                    with subtests.test(str(fields), path=path, name=name):
                        await _alike(at, name, f"POST {path}", {"input": "a"} | fields)
        await _untouched(at)


@ON_ONE_STORE
async def test_nor_does_it_over_a_websocket(subtests: pytest.Subtests) -> None:
    key = {"authorization": "Bearer one"}
    async with (
        place() as at,
        connect(f"ws://{at.address}/v1/responses", proxy=None, additional_headers=key) as socket,
    ):
        for names, fields in FIELDS:
            for name in names:
                with subtests.test(str(fields), name=name):
                    answers = []
                    for id in (at.names[name], NAMES[name]):
                        message = {"type": "response.create", "model": "telling", "input": "a"}
                        await socket.send(json.dumps(message | _with(fields, id)))
                        error = json.loads(await socket.recv())
                        del error["error"]["headers"]  # the number of the request
                        answers.append(json.dumps(error).replace(id, "ID"))
                    assert answers[0] == answers[1]
                    assert json.loads(answers[0])["type"] == "error"


async def _alike(at: Place, name: str, call: str, body: Any) -> None:
    """Ask with what is another's, then with what is nobody's."""
    answers = []
    for id in (at.names[name], NAMES[name]):
        fields = None if body is None else {"model": "telling"} | _with(body, id)
        status, document = await at.ask(call.replace("ID", id), fields)
        answers.append((status, json.dumps(document).replace(id, "ID")))
    assert answers[0] == answers[1]
    assert answers[0][0] in (400, 404)


def _with(body: Any, id: str) -> Any:
    return json.loads(json.dumps(body).replace('"ID"', json.dumps(id)))


async def _untouched(at: Place) -> None:
    """All that another tenant had is as it was."""
    for name, call in [
        ("their_done", "responses/ID"),
        ("their_running", "responses/ID"),
        ("their_streamed", "responses/ID/input_items"),
        ("their_talk", "conversations/ID/items"),
        ("their_file", "files/ID"),
    ]:
        found = (await at.other.get(call.replace("ID", at.names[name]))).json()
        assert found.get("id", at.names[name]) == at.names[name]
        assert found.get("status") in (None, "completed", "in_progress", "processed")
        assert len(found.get("data", "x")) == 1
