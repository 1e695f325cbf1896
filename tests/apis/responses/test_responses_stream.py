"""The streams that a client of Responses gets where no golden transcript says it all."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
import responses_cases as cases
from openai.lib.streaming.responses import ResponseStreamManager
from pydantic import BaseModel
from responses_cases import API

from polystack.core.canon import errors, ir

ASKED: dict[str, Any] = {"model": "tiny", "input": "Hi", "stream": True}
STARTED = ir.Started("up-1", "upstream")


def types(stream: bytes) -> list[str]:
    return [kind.removeprefix("response.") for kind, _ in cases.frames(stream)]


def last(stream: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = cases.frames(stream)[-1][1]["response"]
    return answer


def said(text: str, index: int = 0) -> list[ir.Event]:
    return [ir.PartStarted(index, ir.Text("")), ir.Delta(index, text), ir.PartEnded(index)]


def test_a_ping_before_anything_else_opens_the_stream_and_later_ones_repeat_in_progress() -> None:
    encoder = API.encoder(API.decode(ASKED), cases.context())
    assert types(encoder.feed(ir.Ping())) == ["created", "in_progress"]
    assert types(encoder.feed(ir.Ping())) == ["in_progress"]
    assert encoder.feed(STARTED) == b""
    assert types(encoder.feed(ir.Ping())) == ["in_progress"]


def test_the_events_are_numbered_without_a_gap_pings_included() -> None:
    stream = cases.encode(
        ASKED, [ir.Ping(), STARTED, *said("x"), ir.Ping(), ir.Finished(ir.Stop("end"))]
    )
    numbers = [data["sequence_number"] for _, data in cases.frames(stream)]
    assert numbers == list(range(len(numbers)))


def test_after_the_terminal_nothing_follows() -> None:
    encoder = API.encoder(API.decode(ASKED), cases.context())
    encoder.feed(STARTED)
    assert types(encoder.feed(ir.Finished(ir.Stop("end")))) == ["completed"]
    assert encoder.feed(ir.Ping()) == b""
    assert encoder.feed(ir.Failed(errors.UpstreamError("late"))) == b""


def test_an_item_that_starts_while_another_is_open_waits_for_its_end() -> None:
    script: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.Text("")),
        ir.PartStarted(1, ir.ToolCall("c", "f", "")),
        ir.Delta(1, "{}"),
        ir.PartEnded(1),
        ir.Delta(0, "late"),
        ir.PartEnded(0),
        ir.Finished(ir.Stop("tool_call")),
    ]
    added = [
        (data["output_index"], data["item"]["type"])
        for kind, data in cases.frames(cases.encode(ASKED, script))
        if kind == "response.output_item.added"
    ]
    assert added == [(0, "message"), (1, "function_call")]


def test_an_opaque_item_between_overlapping_parts_keeps_its_place() -> None:
    item = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    script: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.Text("")),
        ir.Opaque("responses", "web_search_call", item),
        ir.PartStarted(1, ir.Text("")),
        ir.Opaque("responses", "web_search_call", item | {"id": "ws_2"}),
        ir.PartEnded(1),
        ir.PartEnded(0),
        ir.Finished(ir.Stop("end")),
    ]
    output = last(cases.encode(ASKED, script))["output"]
    assert [item["id"][:4] for item in output] == ["msg_", "ws_1", "msg_", "ws_2"]


def test_a_failure_before_anything_was_sent_is_a_created_and_failed_response() -> None:
    stream = cases.encode(ASKED, [ir.Failed(errors.UpstreamTimeout("too slow"))])
    assert types(stream) == ["created", "failed"]
    assert last(stream)["status"] == "failed"
    assert last(stream)["error"] == {"code": "server_error", "message": "too slow"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UpstreamError("x"), "server_error"),
        (errors.Overloaded("x"), "server_error"),
        (errors.RateLimited("x"), "rate_limit_exceeded"),
        (errors.ContextOverflow(9, 5), "context_length_exceeded"),
        (errors.InvalidRequest("x"), "invalid_prompt"),
    ],
)
def test_the_code_of_a_failed_response_is_one_that_agents_act_on(
    error: errors.StackError, code: str
) -> None:
    assert last(cases.encode(ASKED, [STARTED, ir.Failed(error)]))["error"]["code"] == code


def test_an_item_cut_off_by_a_failure_is_never_reported_as_done() -> None:
    script: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.ToolCall("c", "f", "")),
        ir.Delta(0, '{"a'),
    ]
    stream = cases.encode(ASKED, [*script, ir.Failed(errors.UpstreamError("cut"))])
    assert "output_item.done" not in types(stream)
    (item,) = last(stream)["output"]
    assert (item["status"], item["arguments"]) == ("incomplete", '{"a')


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("end", "completed", None),
        ("tool_call", "completed", None),
        ("stop_sequence", "completed", None),
        ("refusal", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context", "incomplete", {"reason": "max_output_tokens"}),
        ("pause", "incomplete", {"reason": "max_output_tokens"}),
        ("filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_every_stop_reason_has_its_status(
    reason: ir.StopReason, status: str, details: dict[str, str] | None
) -> None:
    stream = cases.encode(ASKED, [STARTED, *said("x"), ir.Finished(ir.Stop(reason))])
    answer = last(stream)
    assert types(stream)[-1] == answer["status"] == status
    assert answer["incomplete_details"] == details
    assert answer["output"][0]["status"] == status
    assert (answer["completed_at"] is None) == (status == "incomplete")


def test_losses_of_the_answer_go_out_with_the_terminal_and_those_of_the_request_do_not() -> None:
    context = cases.context()
    context.losses.dropped("top_k", "known before")
    encoder = API.encoder(API.decode(ASKED | {"store": True}), context)
    image = ir.Media("image", "image/png", "AAAA")
    for event in (STARTED, ir.PartStarted(0, image), ir.PartEnded(0)):
        assert cases.comments(encoder.feed(event)) == []
    stream = encoder.feed(ir.Finished(ir.Stop("end")))
    assert cases.comments(stream) == ["x-stack-fidelity dropped=output.0,store"]
    assert stream.startswith(b": x-stack-fidelity")


def test_an_exact_answer_has_no_comment() -> None:
    stream = cases.encode(ASKED | {"store": False}, [STARTED, ir.Finished(ir.Stop("end"))])
    assert cases.comments(stream) == []


def test_a_citation_of_another_protocol_keeps_its_source() -> None:
    web = ir.Citation("web_search_result_location", url="https://example.org", quote="q")
    page = ir.Citation("page_location", title="A")
    script: list[ir.Event] = [STARTED, *said("x")]
    script[3:3] = [ir.PartAnnotated(0, web), ir.PartAnnotated(0, page)]
    stream = cases.encode(ASKED, [*script, ir.Finished(ir.Stop("end"))])
    (annotation,) = last(stream)["output"][0]["content"][0]["annotations"]
    assert (annotation["type"], annotation["url"]) == ("url_citation", "https://example.org")
    assert cases.comments(stream) == [
        "x-stack-fidelity dropped=output.0.annotations; approximated=output.0.annotations"
    ]


def test_sealed_reasoning_shows_only_to_who_asked_for_it() -> None:
    sealed: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.Reasoning(sealed="seal")),
        ir.PartEnded(0),
        ir.Finished(ir.Stop("end")),
    ]
    include = {"include": ["reasoning.encrypted_content"]}
    assert last(cases.encode(ASKED | include, sealed))["output"][0]["encrypted_content"] == "seal"
    assert "encrypted_content" not in last(cases.encode(ASKED, sealed))["output"][0]


def test_real_summaries_follow_the_thoughts_that_stand_in_for_one() -> None:
    script: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.Reasoning(summary=("first",))),
        ir.PartAnnotated(0, ir.Reasoning(summary=("second",))),
        ir.Delta(0, "thought"),
        ir.PartEnded(0),
        ir.Finished(ir.Stop("end")),
    ]
    stream = cases.encode(ASKED | {"reasoning": {"summary": "auto"}}, script)
    done = [d for kind, d in cases.frames(stream) if kind.endswith("summary_text.done")]
    assert [(d["summary_index"], d["text"]) for d in done] == [
        (0, "thought"),
        (1, "first"),
        (2, "second"),
    ]
    plain = last(cases.encode(ASKED, script))["output"][0]
    assert [part["text"] for part in plain["summary"]] == ["first", "second"]
    assert plain["content"] == [{"type": "reasoning_text", "text": "thought"}]


def test_log_probabilities_show_only_to_who_asked_for_them() -> None:
    token = ir.TokenLogprob("x", -1.0)
    script: list[ir.Event] = [
        STARTED,
        ir.PartStarted(0, ir.Text("")),
        ir.Delta(0, "x", (token,)),
        ir.PartEnded(0),
    ]
    stream = cases.encode(ASKED, [*script, ir.Finished(ir.Stop("end"))])
    assert last(stream)["output"][0]["content"][0]["logprobs"] == []


# The official SDK's own readers ------------------------------------------------------------------


def client(stream: bytes) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="dummy", base_url="http://127.0.0.1:1/v1", http_client=http)


def open_stream(stream: bytes) -> ResponseStreamManager[Any]:
    return client(stream).responses.stream(model="tiny", input="Hi")


PINGED: list[ir.Event] = [
    ir.Ping(),
    ir.Ping(),
    STARTED,
    ir.PartStarted(0, ir.Reasoning()),
    ir.Delta(0, "Hm."),
    ir.Ping(),
    ir.PartEnded(0),
    ir.PartStarted(1, ir.Text("")),
    ir.PartStarted(2, ir.ToolCall("call_1", "f", "")),
    ir.Delta(1, '{"name":'),
    ir.Delta(2, "{}"),
    ir.Ping(),
    ir.PartEnded(2),
    ir.Delta(1, '"Rex"}'),
    ir.PartEnded(1),
    ir.Ping(),
    ir.Finished(ir.Stop("tool_call"), ir.Usage(5, 6)),
]


def test_the_sdk_reads_a_stream_with_pings_at_every_place() -> None:
    with open_stream(cases.encode(ASKED, PINGED)) as stream:
        deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == '{"name":"Rex"}'
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.usage is not None
    assert final.usage.total_tokens == 11


def test_the_sdk_parses_structured_output_from_the_stream() -> None:
    class Pet(BaseModel):
        name: str

    stream = cases.encode(cases.request("structured"), cases.events("structured"))
    with client(stream).responses.stream(model="tiny", input="Hi", text_format=Pet) as reader:
        assert reader.get_final_response().output_parsed == Pet(name="Rex")


@pytest.mark.parametrize("case", sorted(set(cases.STREAMS) - {"length", "failure"}))
def test_the_sdk_helper_takes_every_golden_case(case: str) -> None:
    with open_stream(cases.encode(cases.request(case), cases.events(case))) as reader:
        final = reader.get_final_response()
    expected = [item["type"] for item in cases.response(case)["output"]]
    assert [item.type for item in final.output] == expected


def test_the_sdk_sees_a_failure_as_a_failed_response() -> None:
    stream = cases.encode(cases.request("failure"), cases.events("failure"))
    with client(stream) as sdk:
        events = list(sdk.responses.create(model="tiny", input="Hi", stream=True))
    failed = events[-1]
    assert failed.type == "response.failed"
    assert failed.response.error is not None
    assert failed.response.error.message == "the engine stopped"


def test_the_sdk_reads_a_whole_answer() -> None:
    body = json.dumps(cases.response("tool_calls")).encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with openai.OpenAI(api_key="dummy", base_url="http://127.0.0.1:1/v1", http_client=http) as sdk:
        response = sdk.responses.create(model="tiny", input="Hi")
    assert response.output_text == "I look."
    calls = [item for item in response.output if item.type == "function_call"]
    assert [(call.call_id, call.namespace) for call in calls] == [
        ("call_a", None),
        ("call_b", "home"),
    ]
