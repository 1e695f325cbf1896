"""What is wrong with a call about something kept: the status, the code and the field it is told by.

A row reads as a sentence, and is asked over HTTP; those that ask for a response are asked over a
WebSocket, too. What is wrong with a message itself is in `tests/e2e/sockets/test_faults.py`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from .belongings import HI, place
from .telling import ON_ONE_STORE

Row = tuple[str, str, Any, int, str | None, str | None]

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "x"}
CUSTOM = {"type": "custom_tool_call_output", "call_id": "c", "output": "x"}
TRIGGER = {"type": "compaction_trigger"}
UNNAMED = {"type": "function_call_output", "output": "x"}
UNKNOWN = "previous_response_not_found"
PREVIOUS = "previous_response_id"
GOING = {PREVIOUS: "{done}"}
NO_PREVIOUS = (400, UNKNOWN, PREVIOUS)
UNSUPPORTED = "unsupported_value"


def file(id: Any) -> list[Any]:
    return [{"role": "user", "content": [{"type": "input_file", "file_id": id}]}]


# What is wrong with it, the fields beside a model and an input, and how it is answered.
CREATES: list[tuple[str, Any, int, str | None, str | None]] = [
    ("a previous response that nobody knows", {PREVIOUS: "resp_x"}, 400, UNKNOWN, PREVIOUS),
    ("another tenant's previous response", {PREVIOUS: "{their_done}"}, 400, UNKNOWN, PREVIOUS),
    ("a previous response that was deleted", {PREVIOUS: "{deleted}"}, 400, UNKNOWN, PREVIOUS),
    ("one that goes on from a deleted one", {PREVIOUS: "{orphan}"}, 400, UNKNOWN, PREVIOUS),
    ("a previous response that still runs", {PREVIOUS: "{running}"}, 400, None, PREVIOUS),
    ("a conversation for a previous response", {PREVIOUS: "{talk}"}, 400, UNKNOWN, PREVIOUS),
    ("an empty name of a previous response", {PREVIOUS: ""}, 400, UNKNOWN, PREVIOUS),
    ("a name with a NUL in it", {PREVIOUS: "resp_\0"}, 400, UNKNOWN, PREVIOUS),
    ("a name of many characters", {PREVIOUS: "resp_" + "x" * 10_000}, 400, UNKNOWN, PREVIOUS),
    ("a number for a previous response", {PREVIOUS: 7}, 400, None, PREVIOUS),
    ("an object for a previous response", {PREVIOUS: {"id": "x"}}, 400, None, PREVIOUS),
    (
        "a conversation beside a previous response",
        {PREVIOUS: "{done}", "conversation": "{talk}"},
        400,
        "mutually_exclusive_parameters",
        PREVIOUS,
    ),
    ("a conversation that nobody knows", {"conversation": "conv_x"}, 404, None, "conversation"),
    ("another tenant's conversation", {"conversation": "{their_talk}"}, 404, None, "conversation"),
    ("a response for a conversation", {"conversation": "{done}"}, 404, None, "conversation"),
    ("a conversation with a NUL", {"conversation": {"id": "\0"}}, 404, None, "conversation"),
    ("an empty name of a conversation", {"conversation": ""}, 400, None, "conversation"),
    ("a conversation without a name", {"conversation": {}}, 400, None, "conversation"),
    ("a number for a conversation", {"conversation": 7}, 400, None, "conversation"),
    ("an item that nobody knows", {"input": [{"id": "msg_x"}]}, 400, None, "input.0"),
    ("another tenant's item", {"input": [HI, {"id": "{their_item}"}]}, 400, None, "input.1"),
    ("an item with a NUL in its name", {"input": [{"id": "msg_\0_0"}]}, 400, None, "input.0"),
    (
        "an item that is there already",
        {PREVIOUS: "{done}", "input": [{"id": "{item}"}]},
        400,
        None,
        "input.0",
    ),
    ("a file that nobody knows", {"input": file("file-x")}, 400, None, "input.0.content.0"),
    ("another tenant's file", {"input": file("{their_file}")}, 400, None, "input.0.content.0"),
    ("a file with a NUL in its name", {"input": file("\0")}, 400, None, "input.0.content.0"),
    ("an output without a call", {"input": [HI, OUTPUT]}, 400, None, "input.1"),
    ("an output of a custom tool without a call", {"input": [CUSTOM]}, 400, None, "input.0"),
    ("an output before its call", {"input": [HI, OUTPUT, CALL]}, 400, None, "input.1"),
    ("an output to no call of its chain", GOING | {"input": [OUTPUT]}, 400, None, "input.0"),
    ("an output that names no call", {"input": [CALL, UNNAMED]}, 400, None, "input.1"),
    ("an item of a chain that is none", GOING | {"input": [HI, 7]}, 400, None, "input.1"),
    ("nothing to compact", {"input": [TRIGGER]}, 400, None, "input"),
    ("a trigger before the end", {"input": [TRIGGER, HI]}, 400, None, "input.0"),
    ("no items", {"input": []}, 400, None, "input"),
    ("an item that is none", {"input": ["hi"]}, 400, None, "input.0"),
    ("a role that there is not", {"input": [HI | {"role": "king"}]}, 400, None, "input.0.role"),
    ("a prompt template", {"prompt": {"id": "pmpt_x"}}, 400, UNSUPPORTED, "prompt"),
    ("an unknown model", {"model": "nobody"}, 404, "model_not_found", "model"),
]  # fmt: skip

LISTS = {
    "the input of a response": "responses/{done}/input_items",
    "the items of a conversation": "conversations/{talk}/items",
    "the files": "files",
}
# What is wrong with a query of any list, and the field it is told by.
QUERIES = [
    ("limit=0", "limit"),
    ("limit=-1", "limit"),
    ("limit=10001", "limit"),
    ("limit=1.5", "limit"),
    ("limit=ten", "limit"),
    ("limit=", "limit"),
    ("limit=%C2%B2", "limit"),
    ("limit=1&limit=2", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("order=up", "order"),
    ("order=", "order"),
    ("after=msg_x", "after"),
    ("after=", "after"),
    ("after=%00", "after"),
]

RESPONSES = [
    ("that nobody knows", "resp_x"),
    ("of another tenant", "{their_done}"),
    ("that was deleted", "{deleted}"),
    ("with a NUL in its name", "resp_%00"),
    ("with points in its name", "resp_..x"),
    ("with half a character in its name", "resp_%ff"),
    ("with a long name", "r" * 5000),
    ("that is a conversation", "{talk}"),
]
TALKS = [
    ("that nobody knows", "conv_x"),
    ("of another tenant", "{their_talk}"),
    ("with a NUL in its name", "conv_%00"),
    ("that is a response", "{done}"),
]
FILES = [
    ("that nobody knows", "file-x"),
    ("of another tenant", "{their_file}"),
    ("with a NUL in its name", "file-%00"),
]
# What cannot be done with one that is not there.
GONE = [
    ("GET responses/ID", RESPONSES, "response_id"),
    ("GET responses/ID?stream=true", RESPONSES, "response_id"),
    ("GET responses/ID/input_items", RESPONSES, "response_id"),
    ("POST responses/ID/cancel", RESPONSES, "response_id"),
    ("DELETE responses/ID", RESPONSES, "response_id"),
    ("GET conversations/ID", TALKS, "conversation"),
    ("POST conversations/ID", TALKS, "conversation"),
    ("DELETE conversations/ID", TALKS, "conversation"),
    ("POST conversations/ID/items", TALKS, "conversation"),
    ("GET conversations/ID/items", TALKS, "conversation"),
    ("GET conversations/ID/items/msg_x", TALKS, "conversation"),
    ("DELETE conversations/ID/items/msg_x", TALKS, "conversation"),
    ("GET files/ID", FILES, "file_id"),
    ("GET files/ID/content", FILES, "file_id"),
    ("DELETE files/ID", FILES, "file_id"),
]

TALK, MANY = "conversations/{talk}", {f"k{n}": "v" for n in range(17)}
NUMBERS = ("-1", "x", "1.5", "", "9" * 5000, "%C2%B2")
FOLLOWED = "responses/{running}?stream=true"
# What is wrong with a question, and the field it is told by.
QUESTIONS = [
    ("the stream of what had none", "responses/{done}?stream=true", "stream"),
    ("the stream of what runs without one", FOLLOWED, "stream"),
    ("a stream that is neither", "responses/{done}?stream=maybe", "stream"),
    ("an event without a stream", "responses/{done}?starting_after=1", "starting_after"),
    *((f"event {n[:9]!r}", f"{FOLLOWED}&starting_after={n}", "starting_after") for n in NUMBERS),
    ("more than there is", "responses/{done}?include=all", "include"),
    ("more of an input than there is", "responses/{done}/input_items?include=all", "include"),
    ("more of items than there is", f"{TALK}/items?include=all", "include"),
]
ITEMS, KING = f"{TALK}/items", {"role": "king", "content": "x"}
# What is wrong with a body, and the field it is told by.
BODIES: list[tuple[str, str, Any, str | None]] = [
    ("compacting nothing", "responses/compact", {"model": "telling"}, "input"),
    ("compacting no items", "responses/compact", {"model": "telling", "input": []}, "input"),
    ("adding nothing", ITEMS, {}, "items"),
    ("adding no items", ITEMS, {"items": []}, "items"),
    ("adding a text", ITEMS, {"items": "hi"}, "items"),
    ("adding a number", ITEMS, {"items": [HI, 7]}, "items.1"),
    ("adding an item of no known role", ITEMS, {"items": [KING]}, "items.0.role"),
    ("adding an item without content", ITEMS, {"items": [{"role": "user"}]}, "items.0.content"),
    ("adding an item that nobody knows", ITEMS, {"items": [{"id": "msg_x"}]}, "items.0"),
    ("adding another tenant's item", ITEMS, {"items": [{"id": "{their_item}"}]}, "items.0"),
    ("adding an item again", ITEMS, {"items": [{"id": "{said}"}]}, "items.0"),
    ("adding too many", ITEMS, {"items": [HI] * 21}, "items"),
    ("beginning with no known role", "conversations", {"items": [KING]}, "items.0.role"),
    ("beginning with a text", "conversations", {"items": "hi"}, "items"),
    ("beginning with a list", "conversations", [], None),
    ("metadata that is a text", "conversations", {"metadata": "x"}, "metadata"),
    ("metadata of too many pairs", "conversations", {"metadata": MANY}, "metadata"),
    ("metadata with a number", TALK, {"metadata": {"a": 1}}, "metadata.a"),
    ("metadata with a long text", TALK, {"metadata": {"a": "x" * 513}}, "metadata.a"),
    ("changing nothing", TALK, {}, "metadata"),
    ("a file that is not in a form", "files", {"file": "x"}, None),
    ("cancelling what is not in the background", "responses/{done}/cancel", None, None),
]
NOWHERE = {"model": "telling", "input": "a", PREVIOUS: "resp_x"}
LOST = {"model": "telling", "input": "a", "background": True, "store": False}
# What is wrong with a call, and how it is answered.
CALLS: list[Row] = [
    ("an item that is in no conversation", f"GET {ITEMS}/msg_x", None, 404, None, "item_id"),
    ("an item of something else", f"GET {ITEMS}/{{item}}", None, 404, None, "item_id"),
    ("another tenant's item", f"GET {ITEMS}/{{their_item}}", None, 404, None, "item_id"),
    ("deleting an item that is not there", f"DELETE {ITEMS}/x", None, 404, None, "item_id"),
    ("an input without beginning", "GET responses/{orphan}/input_items", None, *NO_PREVIOUS),
    ("compacting from nowhere", "POST responses/compact", NOWHERE, *NO_PREVIOUS),
    ("counting from nowhere", "POST responses/input_tokens", NOWHERE, *NO_PREVIOUS),
    ("keeping what is not kept", "POST responses", LOST, 400, UNSUPPORTED, "background"),
    ("a path that there is not", "GET responses/{done}/more", None, 404, None, "response_id"),
    ("a slash in a name", "GET responses/{done}%2Finput_items%2F", None, 404, None, "response_id"),
    ("a method that there is not", "PUT responses/{done}", None, 405, None, None),
]


def told(status: int, document: Any) -> tuple[int, str | None, str | None]:
    error = document["error"]
    assert error["message"], document
    return status, error["code"], error["param"]


@ON_ONE_STORE
async def test_a_response_is_refused_alike_over_both_transports(subtests: pytest.Subtests) -> None:
    key = {"authorization": "Bearer one"}
    async with (
        place() as at,
        connect(
            f"ws://{at.address}/v1/responses", proxy=None, additional_headers=key
        ) as connection,
    ):
        for sentence, fields, *expected in CREATES:
            body = at.filled({"model": "telling", "input": "hi"} | fields)
            with subtests.test(sentence):
                status, document = await at.ask("POST responses", body)
                assert told(status, document) == tuple(expected), document
                await connection.send(json.dumps({"type": "response.create"} | body))
                message = json.loads(await connection.recv())
                assert (message["type"], message["status"]) == ("error", status)
                assert message["error"]["message"] == document["error"]["message"]
                _, code, param = expected
                # An event has to have a code: where there is none of its own, its type.
                assert told(status, message) == (status, code or "invalid_request_error", param)


@ON_ONE_STORE
async def test_a_list_is_refused_by_the_name_of_what_is_wrong(subtests: pytest.Subtests) -> None:
    async with place() as at:
        for what, path in LISTS.items():
            for query, param in QUERIES:
                with subtests.test(f"{what} with {query[:20]}"):
                    status, document = await at.ask(f"GET {path}?{query}")
                    assert told(status, document) == (400, None, param), document


@pytest.mark.parametrize("store", ["memory", "postgres"], indirect=True)
async def test_what_is_not_there_is_not_found(subtests: pytest.Subtests) -> None:
    async with place() as at:
        for call, ones, param in GONE:
            for which, id in ones:
                with subtests.test(f"{call} {which}"):
                    asked = call.replace("ID", id)
                    status, document = await at.ask(asked, {} if "POST" in asked else None)
                    assert told(status, document) == (404, None, param), document


@ON_ONE_STORE
async def test_a_call_is_refused_with_its_status_and_code(subtests: pytest.Subtests) -> None:
    async with place() as at:
        for sentence, call, body, *expected in CALLS:
            with subtests.test(sentence):
                status, document = await at.ask(call, body)
                assert told(status, document) == tuple(expected), document


@ON_ONE_STORE
async def test_a_question_is_refused_by_the_name_of_what_is_wrong(
    subtests: pytest.Subtests,
) -> None:
    async with place() as at:
        for sentence, path, param in QUESTIONS:
            with subtests.test(sentence):
                status, document = await at.ask(f"GET {path}")
                assert told(status, document) == (400, None, param), document


@ON_ONE_STORE
async def test_a_body_is_refused_by_the_name_of_what_is_wrong(subtests: pytest.Subtests) -> None:
    async with place() as at:
        for sentence, path, body, param in BODIES:
            with subtests.test(sentence):
                status, document = await at.ask(f"POST {path}", body)
                assert told(status, document) == (400, None, param), document


@ON_ONE_STORE
async def test_what_is_deleted_twice_is_not_found(subtests: pytest.Subtests) -> None:
    async with place() as at:
        for call in ("responses/{done}", "responses/{running}", TALK, "files/{file}"):
            with subtests.test(call):
                assert (await at.ask(f"DELETE {call}"))[0] == 200
                assert (await at.ask(f"DELETE {call}"))[0] == 404
