"""What an answer cannot show, why it ended, and what a call that fails at once looks like."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from golden import CREATED, TOKEN, comments, frames
from openai.pagination import SyncPage
from openai.types import Model as SdkModel

from polystack.apis.chat.api import Chat
from polystack.core.canon import errors, ir
from polystack.core.canon.collect import play
from polystack.core.contract.api import Context
from polystack.core.contract.losses import Ledger
from polystack.core.contract.provider import Model

API = Chat()
REQUEST = ir.Request("m", (), origin="chat")
LEGACY = API.decode(
    {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "functions": [{"name": "f"}, {"name": "g"}],
    }
)


def context() -> Context:
    return Context(TOKEN, CREATED, "tiny")


def answer(*parts: ir.Part, stop: ir.StopReason = "end") -> ir.Response:
    return ir.Response("up", "m", parts, ir.Stop(stop))


def stream(response: ir.Response, request: ir.Request = REQUEST) -> bytes:
    encoder = API.encoder(request, context())
    return b"".join(encoder.feed(event) for event in play(response))


# Losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (ir.Reasoning("x", signature="s"), "dropped=reasoning_content.signature"),
        (ir.Reasoning(sealed="s"), "dropped=reasoning_content.sealed"),
        (ir.Reasoning("x", ("short",)), "dropped=reasoning_content.summary"),
        (ir.ToolCall("c", "f", "{}", namespace="n"), "approximated=tool_calls.namespace"),
        (ir.Text("x", (ir.Citation("page_location"),)), "dropped=annotations"),
        (ir.Opaque("messages", "server_tool_use", {}), "dropped=content.server_tool_use"),
        (ir.Media("image", url="https://example.org/a"), "dropped=content.media"),
    ],
)
def test_what_an_answer_cannot_show_is_said_in_front_of_the_end(part: ir.Part, lost: str) -> None:
    shown = stream(answer(part))
    assert comments(shown) == [f"x-stack-fidelity {lost}"]
    assert shown.endswith(f": x-stack-fidelity {lost}\n\ndata: [DONE]\n\n".encode())
    whole = context()
    API.document(REQUEST, [answer(part)], whole)
    assert [f"{loss.verdict}={loss.path}" for loss in whole.losses] == [lost]


def test_an_exact_answer_says_nothing_and_repeats_no_loss_of_the_request() -> None:
    ledger = Ledger()
    ledger.dropped("top_k", "known before")
    encoder = API.encoder(REQUEST, Context(TOKEN, CREATED, "tiny", ledger))
    shown = b"".join(encoder.feed(event) for event in play(answer(ir.Text("x"))))
    assert comments(shown) == []


def test_what_was_lost_before_a_failure_is_said_too() -> None:
    whole = context()
    encoder = API.encoder(REQUEST, whole)
    for event in list(play(answer(ir.Reasoning(sealed="s"))))[:-1]:
        encoder.feed(event)
    end = encoder.feed(ir.Failed(errors.UpstreamError("broke off")))
    assert end.startswith(b": x-stack-fidelity dropped=reasoning_content.sealed\n\ndata: ")
    assert [loss.path for loss in whole.losses] == ["reasoning_content.sealed"]


# Ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("context", "length"),
        ("tool_call", "tool_calls"),
        ("filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
    ],
)
def test_every_reason_to_stop_has_its_word(stop: ir.StopReason, finish: str) -> None:
    response = answer(ir.Text("x"), stop=stop)
    document = API.document(REQUEST, [response], context())
    assert document["choices"][0]["finish_reason"] == finish
    assert frames(stream(response))[-2][1]["choices"][0]["finish_reason"] == finish


def test_no_reason_to_stop_is_forgotten() -> None:
    from polystack.apis.chat.vocabulary import FINISH

    assert set(FINISH) == set(get_args(ir.StopReason))


def test_a_refusal_that_was_shown_ends_as_openai_ends_it() -> None:
    response = answer(ir.Refusal("No."), stop="refusal")
    choice = API.document(REQUEST, [response], context())["choices"][0]
    assert (choice["finish_reason"], choice["message"]["refusal"]) == ("stop", "No.")


def test_a_pause_is_a_loss() -> None:
    assert comments(stream(answer(stop="pause"))) == ["x-stack-fidelity approximated=finish_reason"]


def test_an_answer_to_functions_holds_one_call_and_says_what_it_left_out() -> None:
    response = answer(ir.ToolCall("a", "f", "{1}"), ir.ToolCall("b", "g", "{2}"), stop="tool_call")
    whole = context()
    choice = API.document(LEGACY, [response], whole)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{1}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    assert [loss.path for loss in whole.losses] == ["function_call"]
    shown = stream(response, LEGACY)
    deltas = [data["choices"][0]["delta"] for _, data in frames(shown) if data]
    assert [delta["function_call"] for delta in deltas if "function_call" in delta] == [
        {"name": "f", "arguments": ""},
        {"arguments": "{1}"},
    ]
    assert comments(shown) == ["x-stack-fidelity dropped=function_call"]


# Errors ------------------------------------------------------------------------------------------


def test_an_overflow_of_the_context_is_recognisable() -> None:
    rendered = API.encode_error(errors.ContextOverflow(20, 10), "req_1")
    assert rendered.status == 400
    assert rendered.headers["x-request-id"] == "req_1"
    error = rendered.document["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.InvalidRequest("no", param="n"), 400, "invalid_request_error"),
        (errors.UnknownModel("no"), 404, "invalid_request_error"),
        (errors.RateLimited("no"), 429, "rate_limit_error"),
        (errors.Overloaded("no"), 503, "server_error"),
        (errors.UpstreamTimeout("no"), 504, "server_error"),
        (errors.StackError("no"), 500, "server_error"),
    ],
)
def test_an_error_before_the_answer_has_its_status_and_four_fields(
    error: errors.StackError, status: int, kind: str
) -> None:
    rendered = API.encode_error(error, "req_1")
    assert rendered.status == status
    expected = {"message": "no", "type": kind, "param": error.param, "code": error.code}
    assert rendered.document == {"error": expected}


# Models ------------------------------------------------------------------------------------------


def test_models_are_listed_as_both_dialects_of_the_path_page_through_them() -> None:
    models = [Model("a", 4096, 1024, created=5), Model("b")]
    listed = API.models(models)
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "a", "b")
    assert listed["data"][0] == API.model(models[0])
    assert (listed["data"][0]["context_window"], listed["data"][0]["max_output_tokens"]) == (
        4096,
        1024,
    )
    page = SyncPage[SdkModel].model_validate(json.loads(json.dumps(listed)))
    assert [model.id for model in page.data] == ["a", "b"]
    assert API.models([])["first_id"] is None
