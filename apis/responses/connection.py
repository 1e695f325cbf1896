"""Responses over a connection that stays: `response.create` in, the events of the stream out.

Where these messages are read: the types `ResponsesClientEvent` and `ResponsesServerEvent` of the
openai SDK. An error has a `status` and is nested, unlike an `error` event of a stream over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson

from ...core.canon.errors import InvalidRequest, StackError
from ...core.contract import connection
from ...core.contract.api import Document, Headers
from ...core.contract.connection import Wanted
from ...core.contract.losses import FIELD, HEADER
from ..openai import error_body
from ..sse import Parser, SSEvent
from . import errors

BETA = "responses_websockets="  # what a client asks for of this connection, and of no upstream
LONGEST_LANE = 256  # characters of a stream's id
ENDS = ("response.completed", "response.incomplete", "response.failed")
# A comment of ours; within an event, a line never begins like this.
_LOST = re.compile(rb"^: x-stack-fidelity (.+)$", re.MULTILINE)
PASSED = ("retry-after", "retry-after-ms", "x-should-retry", "x-request-id")


class Connection(connection.Connection):
    def __init__(self, headers: Headers) -> None:
        self.headers = _without_beta(headers)

    def receive(self, message: object) -> Wanted | bytes:
        if not isinstance(message, dict):
            raise InvalidRequest("a message must be a JSON object with the type 'response.create'")
        match message.get("type"):
            case "response.create":
                return _create(message)
            case "response.steer":
                return _steer_failed(message)
            case None:
                raise InvalidRequest("type: is missing; send 'response.create'", param="type")
            case kind:
                why = f"type: {kind!r} is not known here; send 'response.create'"
                raise InvalidRequest(why, param="type")

    def write(self, wanted: Wanted) -> Writing:
        return Writing(wanted.lane)

    def refuse(self, error: StackError, request_id: str, message: object = None) -> bytes:
        rendered = errors.encode_error(error, request_id)
        lane = message.get("stream_id") if isinstance(message, dict) else None
        writing = Writing(lane if isinstance(lane, str) else "")
        return writing.whole(rendered.status, rendered.headers, rendered.document)


class Writing(connection.Writing):
    def __init__(self, lane: str) -> None:
        self._parser = Parser()
        self._lane = lane
        self._lost: list[str] = []

    def head(self, headers: Mapping[str, str]) -> None:
        if (value := headers.get(HEADER, "exact")) != "exact":
            self._lost.append(value)

    def feed(self, chunk: bytes) -> Sequence[bytes]:
        self._lost += [found.decode() for found in _LOST.findall(chunk)]
        return [self._message(event) for event in self._parser.feed(chunk)]

    def whole(self, status: int, headers: Mapping[str, str], document: object) -> bytes:
        self.ended = True
        if status < 300:
            message: Document = {"type": "response.completed", "response": document}
            return self._written(message | {"sequence_number": 0})
        error = document.get("error") if isinstance(document, dict) else None
        if not isinstance(error, dict):
            error = error_body(StackError(f"the answer is an error with status {status}"))
        passed = {name: headers[name] for name in PASSED if name in headers}
        return self._written(_failure(status, error | {"headers": passed}))

    def _message(self, event: SSEvent) -> bytes:
        self.ended = self.ended or event.event in (*ENDS, "error")
        if event.event == "error" or event.data.startswith(b'{"type":"error"'):
            return self._written(_nested(orjson.loads(event.data)))
        if self._lost and event.event in ENDS:
            message = orjson.loads(event.data)
            message["response"][FIELD] = "; ".join(self._lost)
            return self._written(message)
        return self._marked(event.data)

    def _written(self, message: Document) -> bytes:
        return self._marked(orjson.dumps(message))

    def _marked(self, data: bytes) -> bytes:
        if self._lane and data.endswith(b"}"):
            data = data[:-1] + b',"stream_id":' + orjson.dumps(self._lane) + b"}"
        return data


def _create(message: Document) -> Wanted:
    generate, lane = message.get("generate"), message.get("stream_id")
    if not isinstance(generate, bool | None):
        raise InvalidRequest("generate: must be true or false", param="generate")
    if lane is not None and not (isinstance(lane, str) and 0 < len(lane) <= LONGEST_LANE):
        raise InvalidRequest(
            f"stream_id: must be text of 1 to {LONGEST_LANE} characters", param="stream_id"
        )
    if message.get("background"):
        raise InvalidRequest(
            "background: is not for a WebSocket; leave it out, or use HTTP", param="background"
        )
    envelope = ("type", "generate", "stream_id", "stream")
    document = {k: v for k, v in message.items() if k not in envelope} | {"stream": True}
    return Wanted("create", document, lane or "", generate is not False and not _prewarms(message))


def _prewarms(message: Document) -> bool:
    options = message.get("prompt_cache_options")
    return isinstance(options, dict) and options.get("prewarm") is True


def _steer_failed(message: Document) -> bytes:
    previous, given = message.get("previous_response_id"), message.get("input")
    error = {
        "type": "invalid_request_error",
        "code": "steering_not_supported",
        "message": "a response that runs cannot be steered here; send the input when it has ended",
    }
    steer = {"previous_response_id": previous, "input": given}
    failed = {"type": "response.steer.failed", "sequence_number": 0, "error": error, "steer": steer}
    return orjson.dumps(failed)


def _failure(status: int, error: Document) -> Document:
    """An error as a message, which always has a code."""
    coded = error | {"code": error.get("code") or error.get("type") or "server_error"}
    return {"type": "error", "status": status, "error": coded}


def _nested(event: Document) -> Document:
    """An `error` event of a stream as a message."""
    error = event["error"] if isinstance(event.get("error"), dict) else event
    told = {k: v for k, v in error.items() if k not in ("type", "sequence_number")}
    kind = error.get("type") if error is not event else None
    return _failure(502, {"type": kind or "server_error", **told}) | {
        "sequence_number": event.get("sequence_number", 0)
    }


def _without_beta(headers: Headers) -> Headers:
    betas = [beta.strip() for beta in headers.get("openai-beta", "").split(",")]
    kept = ",".join(beta for beta in betas if beta and not beta.startswith(BETA))
    rest = {name: value for name, value in headers.items() if name != "openai-beta"}
    return rest | ({"openai-beta": kept} if kept else {})
