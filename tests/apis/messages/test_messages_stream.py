"""The bytes that a Messages client sees, frame by frame, and what the SDK makes of them."""

from __future__ import annotations

from collections.abc import Callable

import anthropic
import httpx2
import pytest

from polystack.apis.messages.api import Messages
from polystack.core.canon import errors, ir
from polystack.core.canon.collect import collect
from polystack.core.contract.api import Context

API = Messages()
REQUEST = ir.Request("tiny", ())
STARTED = ir.Started("upstream", "upstream", ir.Usage(input=12, cache_read=4))


def context() -> Context:
    return Context("0" * 32, 0, "tiny")


def stream(*events: ir.Event, during: Context | None = None) -> bytes:
    encoder = API.encoder(REQUEST, during or context())
    return b"".join(encoder.feed(event) for event in events)


def part(index: int, start: ir.Part, *texts: str) -> list[ir.Event]:
    deltas = [ir.Delta(index, text) for text in texts]
    return [ir.PartStarted(index, start), *deltas, ir.PartEnded(index)]


def answer(*events: ir.Event, stop: ir.Stop | None = None) -> bytes:
    usage = ir.Usage(input=12, output=3, cache_read=4, reasoning=1)
    return stream(STARTED, *events, ir.Finished(stop or ir.Stop("end"), usage))


def between_start_and_end(data: bytes) -> list[str]:
    """The lines of data of the content blocks."""
    lines = [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]
    return [line for line in lines if '"type":"content_block' in line]


def test_a_delta_is_one_small_named_frame() -> None:
    encoder = API.encoder(REQUEST, context())
    encoder.feed(STARTED)
    encoder.feed(ir.PartStarted(7, ir.Text("")))
    assert encoder.feed(ir.Delta(7, "é\n")) == (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"\xc3\xa9\\n"}}\n\n'
    )


def test_a_ping_is_an_event_and_may_come_before_everything() -> None:
    assert stream(ir.Ping()) == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_a_failure_is_one_error_event_and_closes_nothing() -> None:
    encoder = API.encoder(REQUEST, context())
    for event in (STARTED, ir.PartStarted(0, ir.Text("")), ir.Delta(0, "Hel")):
        encoder.feed(event)
    assert encoder.feed(ir.Failed(errors.Overloaded("busy"))) == (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"busy"},"request_id":"req_00000000000000000000000000000000"}\n\n'
    )
    assert encoder.feed(ir.Ping()) == b""


def test_cached_input_is_counted_apart() -> None:
    data = answer().decode()
    assert '"input_tokens":8' in data
    assert '"cache_read_input_tokens":4' in data
    assert '"output_tokens":3,"output_tokens_details":{"thinking_tokens":1}' in data


def test_the_delta_of_a_later_part_waits_until_the_open_block_ends() -> None:
    call, text = ir.ToolCall("call_1", "f", ""), ir.Text("")
    events: list[ir.Event] = [
        ir.PartStarted(0, call),
        ir.PartStarted(1, text),
        ir.Delta(1, "late"),
        ir.Delta(0, "{}"),
        ir.PartEnded(1),
        ir.PartEnded(0),
    ]
    assert answer(*events) == answer(*part(0, call, "{}"), *part(1, text, "late"))


def test_a_block_of_this_protocol_waits_for_its_turn_too() -> None:
    data: ir.Object = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    search = ir.Opaque("messages", "web_search_tool_result", data)
    start, delta, end = part(0, ir.Text(""), "Hi")
    assert answer(start, search, delta, end) == answer(start, delta, end, search)


def test_thinking_always_ends_with_a_signature() -> None:
    *_, signature, stop = between_start_and_end(answer(*part(0, ir.Reasoning(), "Hm")))
    assert '"delta":{"type":"signature_delta","signature":""}' in signature
    assert '"content_block_stop"' in stop


def test_what_is_sealed_of_a_thought_follows_as_a_block_of_its_own() -> None:
    seal = ir.PartAnnotated(0, ir.Reasoning(sealed="c2VhbA=="))
    start, thought, end = part(0, ir.Reasoning(), "Hm")
    shown = between_start_and_end(answer(start, thought, seal, end))
    assert ["thinking" in line for line in shown] == [True, True, False, False, True, False]
    assert '"index":1,"content_block":{"type":"redacted_thinking","data":"c2VhbA=="}' in shown[4]


def test_a_summary_stands_for_thoughts_that_are_not_shown() -> None:
    lines = [ir.PartAnnotated(0, ir.Reasoning(summary=(line,))) for line in ("First.", "Then.")]
    start, end = part(0, ir.Reasoning())
    shown = between_start_and_end(answer(start, *lines, end))
    assert '"thinking":"First.\\n\\nThen."' in shown[1]


def test_free_text_is_streamed_as_the_string_of_an_object() -> None:
    call = ir.ToolCall("call_1", "patch", "", "custom")
    during = context()
    data = stream(
        STARTED, *part(0, call, 'a"', "\n"), ir.Finished(ir.Stop("tool_call")), during=during
    )
    shown = between_start_and_end(data)
    partial = [line.partition('"partial_json":')[2] for line in shown[1:-1]]
    assert partial == [r'"{\"input\":\""}}', r'"a\\\""}}', r'"\\n"}}', r'"\"}"}}']
    assert [loss.path for loss in during.losses] == ["content.0.input"]
    assert data.index(b": x-stack-fidelity approximated=content.0.input\n\n") < data.index(
        b"event: message_stop"
    )


def test_an_exact_answer_has_no_comment() -> None:
    assert b"x-stack-fidelity" not in answer(*part(0, ir.Text(""), "Hi"))


@pytest.mark.parametrize(
    ("shown", "loss"),
    [
        (ir.Media("image", "image/png", "AA=="), "content.0"),
        (ir.Opaque("responses", "web_search_call", {}), "content.0"),
        (ir.ToolCall("c", "web_search", "", "server"), "content.0"),
        (ir.Text("", (ir.Citation("file_citation"),)), "content.0.citations.0"),
        (ir.Text("", extra={"chat": {"name": "x"}}), "content.0.name"),
        (ir.Reasoning(summary=("Short.",), extra={"responses": {"y": 1}}), "content.0.y"),
    ],
)
def test_what_a_message_cannot_show_is_a_loss_of_the_answer(shown: ir.Part, loss: str) -> None:
    during = context()
    data = stream(STARTED, *part(0, shown), ir.Finished(ir.Stop("end")), during=during)
    assert [lost.path for lost in during.losses] == [loss]
    assert f": x-stack-fidelity dropped={loss}\n\n".encode() in data


def test_log_probabilities_are_lost_once() -> None:
    token = ir.TokenLogprob("a", -1.0)
    start, end = part(0, ir.Text(""))
    deltas = [ir.Delta(0, "a", (token,))] * 3
    assert answer(start, *deltas, end).count(b"content.0.logprobs") == 1


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (ir.Stop("end"), "end_turn"),
        (ir.Stop("length"), "max_tokens"),
        (ir.Stop("tool_call"), "tool_use"),
        (ir.Stop("pause"), "pause_turn"),
        (ir.Stop("pause", raw="compaction"), "compaction"),
        (ir.Stop("end", raw="stop"), "end_turn"),
        (ir.Stop("refusal"), "refusal"),
        (ir.Stop("filter"), "refusal"),
        (ir.Stop("context"), "model_context_window_exceeded"),
    ],
)
def test_every_stop_has_its_reason(stop: ir.Stop, reason: str) -> None:
    assert f'"stop_reason":"{reason}"'.encode() in answer(stop=stop)


def test_a_refusal_stops_as_one_whatever_the_provider_called_it() -> None:
    data = answer(*part(0, ir.Refusal(""), "No."))
    assert b'"stop_reason":"refusal"' in data
    assert b'"stop_details":{"type":"refusal"' in data


# The SDK -----------------------------------------------------------------------------------------

TURN: list[ir.Event] = [
    STARTED,
    *part(0, ir.Reasoning(), "Hm"),
    *part(1, ir.Text(""), "Let me ", "look."),
    *part(2, ir.ToolCall("call_1", "weather", ""), '{"city":', '"Paris"}'),
    *part(3, ir.ToolCall("call_2", "now", "")),
    ir.Finished(ir.Stop("tool_call"), ir.Usage(input=12, output=9, cache_read=4)),
]


def client(reply: Callable[[httpx2.Request], httpx2.Response]) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(reply)
    return anthropic.Anthropic(
        api_key="dummy", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def ask(sdk: anthropic.Anthropic) -> anthropic.types.Message:
    with sdk.messages.stream(
        model="tiny", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
    ) as streamed:
        return streamed.get_final_message()


def event_stream(*events: ir.Event) -> Callable[[httpx2.Request], httpx2.Response]:
    headers = {"content-type": "text/event-stream"}
    return lambda _: httpx2.Response(200, headers=headers, content=stream(*events))


def test_the_sdks_stream_helper_ends_with_the_document() -> None:
    document = API.document(REQUEST, [collect(TURN)], context())
    with client(event_stream(*TURN)) as streaming:
        message = ask(streaming)
    with client(lambda _: httpx2.Response(200, json=document)) as whole:
        expected = whole.messages.create(
            model="tiny", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        )
    assert message.to_dict() == expected.to_dict()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]


def test_the_sdk_raises_on_a_failure_in_mid_stream() -> None:
    failure = ir.Failed(errors.UpstreamTimeout("too slow"))
    with (
        client(event_stream(*TURN[:3], failure)) as sdk,
        pytest.raises(anthropic.APIStatusError, match="too slow") as caught,
    ):
        ask(sdk)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "timeout_error"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.InvalidRequest("x"), anthropic.BadRequestError),
        (errors.Unauthenticated("x"), anthropic.AuthenticationError),
        (errors.PermissionDenied("x"), anthropic.PermissionDeniedError),
        (errors.UnknownModel("x"), anthropic.NotFoundError),
        (errors.Conflict("x"), anthropic.ConflictError),
        (errors.RateLimited("x"), anthropic.RateLimitError),
        (errors.Overloaded("x"), anthropic.InternalServerError),
        (errors.StackError("x"), anthropic.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_exception_for_an_error(
    error: errors.StackError, expected: type[anthropic.APIStatusError]
) -> None:
    rendered = API.encode_error(error, "req_1")

    def refuse(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            rendered.status, headers=dict(rendered.headers), json=rendered.document
        )

    with client(refuse) as sdk, pytest.raises(expected) as caught:
        ask(sdk)
    assert caught.value.request_id == "req_1"


def test_counts_that_are_guessed_at_the_start_are_marked_and_corrected_at_the_end() -> None:
    encoder = API.encoder(REQUEST, context())
    guessed = encoder.feed(ir.Started("u", "u", ir.Usage(input=40, estimated=True)))
    assert b'"input_tokens":40' in guessed
    assert guessed.endswith(b"\n\n: x-stack-usage estimated\n\n")
    assert b"x-stack-usage" not in stream(STARTED)
    assert b'"input_tokens":33' in encoder.feed(ir.Finished(ir.Stop("end"), ir.Usage(input=33)))
