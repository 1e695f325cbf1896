"""What holds answers against the specification sees what is wrong, wherever it is read."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from judging import complaints
from open_responses import BEYOND, EVENTS, USUAL, wrong
from responses_cases import API, context

WHOLE = USUAL | {"id": "resp_1"}
TEXT = {"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1"}
DELTA = TEXT | {"output_index": 0, "content_index": 0, "delta": "a"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "status": "completed"}
ERROR = {"type": "error", "code": None, "message": "no", "param": None}


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    "document",
    [
        WHOLE,
        WHOLE | {"output": [CALL | {"arguments": "{}"}]},
        WHOLE | {"output": [{"type": "custom_tool_call", "id": "ctc_1"}]},
        DELTA,
        DELTA | {"type": "response.reasoning_text.delta"},
        ERROR | {"sequence_number": 1, "error": ERROR},
        {"id": "resp_1", "object": "response", "deleted": True},
        {"object": "chat.completion"},
        ERROR,  # of another protocol
        None,
    ],
)
def test_nothing_is_said_against_what_is_right(document: Any) -> None:
    assert list(wrong(document)) == []


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (without(WHOLE, "top_p"), 'ResponseResource.: "top_p" is a required property'),
        (WHOLE | {"temperature": "1"}, "ResponseResource.temperature: "),
        (WHOLE | {"output": [CALL]}, 'output.0: "arguments" is a required property'),
        (WHOLE | {"output": [{"type": "custom_tool_call"}]}, "ResponseResource.output.0: "),
        (WHOLE | {"output": [{"type": "dream_call", "id": "d"}]}, "ResponseResource.output.0: "),
        (without(DELTA, "delta"), 'DeltaStreamingEvent.: "delta" is a required property'),
        (
            without(DELTA, "item_id") | {"type": "response.reasoning_text.delta"},
            'reasoning_text.delta.: "item_id" is a required property',
        ),
        (DELTA | {"type": "response.dream.delta"}, "response.dream.delta: no such event"),
        (ERROR | {"sequence_number": 1}, 'ErrorStreamingEvent.: "error" is a required property'),
        ({"type": "error", "status": 400, "error": {}}, "WebSocketErrorEvent.error: "),
        ({"object": "response.compaction"}, "CompactResource.: "),
    ],
)
def test_what_is_wrong_is_named(document: Any, said: str) -> None:
    assert any(said in each for each in wrong(document)), list(wrong(document))


BROKEN = without(DELTA, "delta")
STREAM = b"event: response.output_text.delta\ndata: %b\n\n" % json.dumps(BROKEN).encode()


@pytest.mark.parametrize("body", [json.dumps(without(WHOLE, "top_p")).encode(), STREAM])
async def test_what_httpx2_reads_is_judged(body: bytes) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body))
    with httpx2.Client(transport=transport) as client:
        client.get("http://up")
    assert complaints() != []
    async with httpx2.AsyncClient(transport=transport) as asynchronous:
        await asynchronous.get("http://up")
    assert complaints() != []


def test_what_the_api_makes_here_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    from polystack.apis.responses import encoder, response
    from polystack.core.canon import ir

    whole = response._answer
    monkeypatch.setattr(response, "_answer", lambda *given: without(whole(*given), "tools"))
    request = API.decode({"model": "tiny", "input": "Hi"})
    API.document(request, [ir.Response("x", "tiny", (), ir.Stop("end"))], context())
    assert complaints() == ['ResponseResource.: "tools" is a required property']
    encoder.Encoder(request, context()).feed(ir.Started("x", "tiny"))
    assert len(complaints()) == 2


def test_every_exception_has_its_reason() -> None:
    reasons = [beyond.why for beyond in BEYOND] + [event.why for event in EVENTS]
    assert all(len(why.split()) > 1 for why in reasons)
