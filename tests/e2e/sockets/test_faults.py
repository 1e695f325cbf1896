"""What is wrong with a message or a connection: an error as a message, or the code of a close."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.server import ServerProtocol

from polystack.apis.responses.connection import Writing
from polystack.core.faces.server import sockets
from polystack.core.faces.server.websocket import FRAGMENTS, Protocol
from polystack.core.runtime.memory import Memory

from .listening import Waiting, answered, ended, heard, listening, refused, say

CREATE = {"type": "response.create", "model": "telling", "input": "hello"}


BAD: list[tuple[Any, str | None, str]] = [
    ("{", None, "JSON"),
    ("", None, "JSON"),
    ("[]", None, "must be a JSON object"),
    ('"response.create"', None, "must be a JSON object"),
    ("{}", "type", "type: is missing"),
    ('{"type": "response.create", "type": "x"}', "type", "twice"),
    ({"type": "response.cancel"}, "type", "'response.cancel' is not known here"),
    ({"type": ["x"]}, "type", "is not known here"),
    ({"type": "response.create"}, "input", "input: field required"),
    (CREATE | {"generate": 1}, "generate", "must be true or false"),
    (CREATE | {"stream_id": 7}, "stream_id", "must be text"),
    (CREATE | {"stream_id": ""}, "stream_id", "must be text"),
    (CREATE | {"background": True}, "background", "not for a WebSocket"),
    (CREATE | {"temperature": "hot"}, "temperature", "temperature"),
    ("[" * 300 + "]" * 300, None, "deep"),
]


async def test_a_message_that_asks_for_nothing_is_answered_with_an_error() -> None:
    async with listening() as stack, stack.open() as connection:
        for message, param, words in BAD:
            said = await refused(connection, message)
            assert (said["type"], said["status"]) == ("error", 400), message
            assert (said["error"]["type"], said["error"]["code"]) == ("invalid_request_error",) * 2
            assert (said["error"]["param"], words in said["error"]["message"]) == (param, True), (
                said
            )
        assert (await answered(connection, "hello"))["status"] == "completed", "it stays open"


async def test_an_unknown_model_is_a_404_and_the_lane_is_named() -> None:
    async with listening() as stack, stack.open() as connection:
        said = await refused(connection, CREATE | {"model": "nobody", "stream_id": "a"})
        assert (said["status"], said["error"]["code"]) == (404, "model_not_found")
        assert said["stream_id"] == "a"


async def test_a_second_create_while_one_runs_is_a_409() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, "wait")
        while (await heard(connection))["type"] != "response.output_text.delta":
            pass
        said = await refused(connection, CREATE)
        assert (said["type"], said["status"]) == ("error", 409)
        assert said["error"]["code"] == "response_in_progress"
        Waiting.go.set()
        assert (await ended(connection))[-1]["response"]["status"] == "completed"


async def test_a_connection_may_have_so_many_calls_and_no_more() -> None:
    async with listening() as stack, stack.open() as connection:
        for _ in range(sockets.PENDING + 1):
            await say(connection, "wait", stream_id="a")
        while (said := await heard(connection))["type"] != "error":
            pass
        assert (said["status"], said["error"]["type"]) == (429, "rate_limit_error")


async def _code(connection: ClientConnection) -> int | None:
    """The code with which the server closes, whatever it says before that."""
    async with asyncio.timeout(20):
        with suppress(ConnectionClosed):
            while True:
                await connection.recv()
    return connection.close_code


async def test_a_binary_message_closes_with_1003() -> None:
    async with listening() as stack, stack.open() as connection:
        await connection.send(json.dumps(CREATE).encode())
        assert await _code(connection) == 1003


async def test_a_message_larger_than_a_body_may_be_closes_with_1009() -> None:
    async with listening({"max_body": "100KB"}) as stack, stack.open() as connection:
        await answered(connection, "x" * 90_000)
        await say(connection, "x" * 110_000)
        assert await _code(connection) == 1009


async def test_a_message_that_is_small_only_when_compressed_closes_with_1009() -> None:
    async with listening({"max_body": "100KB"}) as stack, stack.open() as connection:
        assert [each.name for each in connection.protocol.extensions] == ["permessage-deflate"]
        await say(connection, "x" * 5_000_000)
        assert await _code(connection) == 1009


async def test_text_that_is_no_utf_8_closes_with_1007(capfd: pytest.CaptureFixture[str]) -> None:
    async with listening() as stack, stack.open() as connection:
        await connection.send(b"\xff\xfe", text=True)
        assert await _code(connection) == 1007
    assert capfd.readouterr().err == "", "it is the client's fault"


async def test_a_message_in_many_frames_is_one_message() -> None:
    async with listening() as stack, stack.open() as connection:
        await connection.send([json.dumps(CREATE)[:20], json.dumps(CREATE)[20:]])
        assert (await ended(connection))[-1]["response"]["status"] == "completed"


async def test_a_message_in_too_many_frames_closes_with_1009() -> None:
    async with listening() as stack, stack.open(compression=None) as connection:
        connection.protocol.send_text(b"", fin=False)
        for _ in range(FRAGMENTS + 1):
            connection.protocol.send_continuation(b"", fin=False)
        connection.transport.write(b"".join(connection.protocol.data_to_send()))
        assert await _code(connection) == 1009


async def test_a_fault_of_ours_is_an_error_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening() as stack, stack.open() as connection:
        with monkeypatch.context() as broken:
            broken.setattr(Writing, "feed", None)
            said = await refused(connection, CREATE)
        assert (said["status"], said["error"]["type"]) == (500, "server_error")
        assert "an answer over a WebSocket failed" in caplog.text
        assert (await answered(connection, "hello"))["status"] == "completed"


async def test_a_client_that_leaves_cancels_its_work() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, "wait", stream_id="a")
        await say(connection, "wait", stream_id="b")
        await Waiting.until(2)
        await connection.close()
        await Waiting.until(0)


async def test_a_client_that_is_gone_without_a_word_cancels_its_work() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, "wait")
        await Waiting.until(1)
        connection.transport.abort()
        await Waiting.until(0)


@pytest.mark.parametrize("text", ["hello", "wait"], ids=["between answers", "within one"])
async def test_a_client_that_leaves_leaves_nothing_for_the_garbage_collector(text: str) -> None:
    async with listening() as stack:
        gc.collect()
        gc.disable()
        try:
            async with stack.open() as connection:
                await say(connection, text)
                await heard(connection)
            async with asyncio.timeout(20):
                while stack.server.server_state.tasks or stack.server.server_state.connections:
                    await asyncio.sleep(0.01)
            kinds = (ServerProtocol, Protocol, sockets.Calls, Memory)
            assert [type(each) for each in gc.get_objects() if type(each) in kinds] == []
        finally:
            gc.enable()


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "WRITE_TIMEOUT", 0.2)
    async with listening() as stack, stack.open(compression=None) as connection:
        connection.transport.pause_reading()
        await say(connection, "flood")
        await Waiting.until(1)
        await Waiting.until(0)
        connection.transport.resume_reading()


async def test_silence_on_a_connection_is_broken_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening({"keep_alive": 0.05}) as stack, stack.open() as connection:
        pinged = asyncio.Event()
        received = connection.protocol.recv_frame

        def watch(frame: Any) -> None:
            if frame.opcode.name == "PING":
                pinged.set()
            received(frame)

        monkeypatch.setattr(connection.protocol, "recv_frame", watch)
        async with asyncio.timeout(20):
            await pinged.wait()


async def test_a_server_that_ends_lets_an_answer_end_and_closes_with_1012() -> None:
    async with listening() as stack, stack.open() as idle, stack.open() as busy:
        await say(busy, "wait")
        await Waiting.until(1)
        stack.server.should_exit = True
        assert await _code(idle) == 1012
        Waiting.go.set()
        assert (await ended(busy))[-1]["response"]["status"] == "completed"
        assert await _code(busy) == 1012


async def test_an_answer_that_outlasts_the_end_of_the_server_is_closed_with_1012() -> None:
    async with listening() as stack, stack.open() as connection:
        stack.server.config.timeout_graceful_shutdown = 0
        await say(connection, "wait")
        await Waiting.until(1)
        stack.server.should_exit = True
        assert await _code(connection) == 1012
        await Waiting.until(0)


async def _denied(opening: Any) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as denied:
        await opening
    return denied.value.response.status_code, json.loads(denied.value.response.body or b"")


async def test_a_stranger_is_a_401() -> None:
    async with listening({"api_keys": ["sesame"]}) as stack:
        status, body = await _denied(stack.open())
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        key = {"authorization": "Bearer sesame"}
        async with stack.open(additional_headers=key) as connection:
            await answered(connection, "hello")


async def test_what_is_kept_for_one_key_is_unknown_to_another() -> None:
    async with listening({"api_keys": ["one", "two"]}) as stack:
        async with stack.open(additional_headers={"x-api-key": "one"}) as connection:
            first = await answered(connection, "hello")
        async with stack.open(additional_headers={"x-api-key": "two"}) as connection:
            said = await refused(connection, CREATE | {"previous_response_id": first["id"]})
            assert said["error"]["code"] == "previous_response_not_found"


async def test_a_page_from_elsewhere_is_a_403() -> None:
    async with listening() as stack:
        status, body = await _denied(stack.open(origin="http://elsewhere.example"))
        assert status == 403
        assert "elsewhere.example" in body["error"]["message"]
        async with stack.open(origin=f"http://{stack.address}"):
            pass


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/nothing", "/", "/health"])
async def test_a_path_that_is_no_websocket_is_a_426(path: str) -> None:
    async with listening() as stack:
        status, body = await _denied(stack.open(path))
        assert status == 426
        assert body["error"]["message"] == f"{path} is not served over WebSocket; use HTTP"


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [
        ("GET", "accept: */*", 400),
        ("POST", "accept: */*", 405),
        ("POST", "content-length: 2", 426),
    ],
)
async def test_an_upgrade_that_is_none_is_refused(method: str, header: str, status: int) -> None:
    async with listening() as stack:
        host, port = stack.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        upgrade = (
            "Host: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
        )
        writer.write(f"{method} /v1/responses HTTP/1.1\r\n{upgrade}\r\n{header}\r\n\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert said.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"WebSocket" in said


async def test_every_path_is_a_426_where_they_are_switched_off() -> None:
    async with listening({"websocket": False}) as stack:
        assert (await _denied(stack.open()))[0] == 426


async def test_without_the_package_they_are_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "polystack.core.faces.server.websocket", None)
    async with listening() as stack:
        assert (await _denied(stack.open()))[0] == 426
    assert "the package `websockets` is missing" in caplog.text


async def test_an_upgrade_of_which_a_proxy_left_only_the_key_is_a_426() -> None:
    async with listening() as stack, httpx2.AsyncClient() as client:
        key = {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        answer = await client.get(f"http://{stack.address}/v1/responses", headers=key)
        assert answer.status_code == 426
