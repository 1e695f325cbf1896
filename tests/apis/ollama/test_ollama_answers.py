"""Answers as lines of JSON, as a document, and as an upstream gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from golden import CREATED, TOKEN
from hypothesis import HealthCheck, given, settings
from ollama import ChatResponse, GenerateResponse
from strategies import Script, scripts

from polystack.apis.ollama.api import Ollama
from polystack.core import ir
from polystack.core.canon.collect import collect, play
from polystack.core.canon.errors import Overloaded, UpstreamError
from polystack.core.canon.grammar import Grammar, State
from polystack.core.contract.api import Context

API = Ollama()
TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "ollama"
CHAT = ir.Request("m", (), origin="ollama")
PROMPT = ir.Request("m", (), origin="ollama", extra={"ollama": {"_generate": True}})
any_scripts = scripts()
# What this protocol can say and hear again: a thought, a text, and the calls that follow.
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def context() -> Context:
    return Context(TOKEN, CREATED, "m")


def encoded(events: Iterable[ir.Event], request: ir.Request = CHAT) -> bytes:
    encoder = API.encoder(request, context())
    return b"".join(encoder.feed(event) for event in events)


def lines(stream: bytes) -> list[dict[str, Any]]:
    assert stream.endswith(b"\n")
    return [json.loads(line) for line in stream.splitlines()]


def decoded(stream: bytes) -> list[ir.Event]:
    decoder = API.decoder()
    events: list[ir.Event] = []
    for line in stream.splitlines():
        events += decoder.feed("", line)
    return [*events, *decoder.close()]


def joined(found: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in found:
        piece = line["message"]
        message["content"] += piece["content"]
        for name in ("thinking", "tool_calls"):
            if piece.get(name):
                message[name] = message.get(name, type(piece[name])()) + piece[name]
    return message


# As a server -------------------------------------------------------------------------------------


@slow
@given(any_scripts)
def test_every_line_is_the_packages_and_the_last_alone_is_done(script: Script) -> None:
    found = lines(encoded(script.events))
    for line in found:
        assert ChatResponse.model_validate(line).created_at == "2023-11-14T22:13:20Z"
    assert [line["done"] for line in found] == [False] * (len(found) - 1) + [True]


@slow
@given(any_scripts)
def test_the_lines_add_up_to_the_document(script: Script) -> None:
    found = lines(encoded(script.events))
    document = API.document(CHAT, [script.response], context())
    message = joined(found)
    assert message["content"] == document["message"]["content"]
    assert message.get("tool_calls") == document["message"].get("tool_calls")
    assert message.get("thinking") == document["message"].get("thinking")
    same = ("done_reason", "eval_count", "prompt_eval_count", "done", "model", "created_at")
    assert {k: found[-1].get(k) for k in same} == {k: document.get(k) for k in same}


@slow
@given(any_scripts)
def test_a_prompts_answer_is_one_text(script: Script) -> None:
    found = lines(encoded(script.events, PROMPT))
    document = API.document(PROMPT, [script.response], context())
    assert "".join(GenerateResponse.model_validate(line).response or "" for line in found) == (
        GenerateResponse.model_validate(document).response
    )
    assert all("message" not in line for line in [*found, document])


@slow
@given(any_scripts)
def test_a_stream_that_was_written_is_read_as_a_legal_one(script: Script) -> None:
    grammar = Grammar()
    events = decoded(encoded(script.events))
    for event in events:
        grammar.feed(event)
    assert grammar.state is State.DONE
    assert isinstance(events[-1], ir.Finished)


@slow
@given(scripts(kinds=("text", "function"), citations=None, logprobs=False, stops=("end", "length")))
def test_the_stream_and_the_document_of_an_upstream_mean_the_same(script: Script) -> None:
    streamed = collect(decoded(encoded(script.events)))
    document = API.document(CHAT, [script.response], context())
    whole = collect(list(API.events(json.loads(json.dumps(document)))))
    assert ir.text_of(streamed.parts) == ir.text_of(whole.parts)
    calls = [p for p in streamed.parts if isinstance(p, ir.ToolCall)]
    assert calls == [p for p in whole.parts if isinstance(p, ir.ToolCall)]
    assert streamed.stop == whole.stop
    assert streamed.usage == whole.usage


def test_a_sign_of_life_is_a_line_that_says_nothing() -> None:
    (line,) = lines(encoded([ir.Ping()]))
    assert line["message"] == {"role": "assistant", "content": ""}
    assert line["done"] is False


def test_a_failure_is_a_line_with_an_error_and_the_end() -> None:
    encoder = API.encoder(CHAT, context())
    begun: list[ir.Event] = [ir.Started("1", "m"), ir.PartStarted(0, ir.Text(""))]
    stream = b"".join(encoder.feed(event) for event in [*begun, ir.Delta(0, "half")])
    stream += encoder.feed(ir.Failed(Overloaded("the queue is full")))
    assert lines(stream)[-1] == {"error": "the queue is full"}
    assert encoder.feed(ir.PartEnded(0)) == b""


def test_the_losses_of_an_answer_are_in_its_last_line() -> None:
    parts = (
        ir.Refusal("No."),
        ir.ToolCall("c", "f", "not json"),
        ir.ToolCall("d", "g", "free text", "custom"),
    )
    response = ir.Response("1", "m", parts, ir.Stop("stop_sequence", "END"), ir.Usage(1, 2))
    found = lines(encoded(play(response)))
    assert found[-1]["x_stack_fidelity"] == (
        "dropped=done_reason; approximated=message.refusal,tool_calls.arguments"
    )
    calls = joined(found)["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == [
        {"arguments": "not json"},
        {"input": "free text"},
    ]


BIG = '{"a": 123456789012345678901234567890}'


@pytest.mark.parametrize("text", [BIG, '{"a":' * 240 + "1" + "}" * 240, '{"a":' * 2000, "[1]"])
@pytest.mark.parametrize("request_", [CHAT, PROMPT])
def test_arguments_that_no_line_can_tell_as_they_are_stay_text(
    text: str, request_: ir.Request
) -> None:
    response = ir.Response("1", "m", (ir.ToolCall("c", "f", text),), ir.Stop("tool_call"))
    found = lines(encoded(play(response), request_))
    assert found[-1]["done"] is True
    if request_ is CHAT:
        (call,) = joined(found)["tool_calls"]
        assert call["function"]["arguments"] == {"arguments": text}
        assert found[-1]["x_stack_fidelity"] == "approximated=tool_calls.arguments"


@pytest.mark.parametrize("text", ["", "  ", "{}", " {} "])
def test_a_call_without_arguments_has_an_empty_object(text: str) -> None:
    response = ir.Response("1", "m", (ir.ToolCall("c", "f", text),), ir.Stop("tool_call"))
    found = lines(encoded(play(response)))
    assert joined(found)["tool_calls"][0]["function"]["arguments"] == {}
    assert "x_stack_fidelity" not in found[-1]


def test_tokens_have_their_probabilities() -> None:
    token = ir.TokenLogprob("a", -0.5, b"a", (ir.TokenLogprob("b", -1.0),))
    response = ir.Response("1", "m", (ir.Text("a", logprobs=(token,)),), ir.Stop("end"))
    line = next(line for line in lines(encoded(play(response))) if "logprobs" in line)
    found = ChatResponse.model_validate(line).logprobs
    assert found is not None
    assert [(each.token, each.logprob) for each in found] == [("a", -0.5)]
    assert [each.token for each in found[0].top_logprobs or ()] == ["b"]


def test_an_error_is_a_text() -> None:
    rendered = API.encode_error(Overloaded("the queue is full", retry_after=3), "req_1")
    assert rendered.document == {"error": "the queue is full"}
    assert rendered.status == 503
    assert rendered.headers["retry-after"] == "3"


# As a client -------------------------------------------------------------------------------------

# Written by hand after Ollama's documentation.
STREAM = (TRANSCRIPTS / "tools.ndjson").read_bytes()


def test_an_upstreams_lines_are_events() -> None:
    response = collect(decoded(STREAM))
    assert response.parts == (
        ir.Reasoning("Hmm."),
        ir.Text("I look."),
        ir.ToolCall("call_0", "f", '{"a": 1}'),
        ir.ToolCall("x", "g", "{}"),
    )
    assert response.model == "up"
    assert response.stop == ir.Stop("tool_call", raw="stop")
    assert response.usage == ir.Usage(26, 8)


def test_a_prompts_upstream_says_its_words_in_the_answer_itself() -> None:
    stream = b'{"model":"up","response":"Hi","done":false}\n'
    stream += b'{"model":"up","response":"!","done":true,"done_reason":"length"}\n'
    response = collect(decoded(stream))
    assert ir.text_of(response.parts) == "Hi!"
    assert response.stop.reason == "length"


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b"", "ended before its answer"),
        (STREAM[: STREAM.rindex(b'{"model"')], "ended before its answer"),
        (b"not json", "a line that is not JSON"),
        (b"[]", "no JSON object"),
        (b'{"error":"model runner has stopped"}', "model runner has stopped"),
        (b'{"message":3}', "message that is not an object"),
        (b'{"message":{"content":3}}', "content that is not a string"),
        (b'{"message":{"tool_calls":3}}', "tool_calls that is not a list"),
        (b'{"message":{"tool_calls":[{}]}}', "a tool call without a name"),
        (b'{"done":true,"done_reason":"magic"}', "an unknown reason, 'magic'"),
        (b'{"done":true,"eval_count":-1}', "eval_count that is not a count"),
        (b'{"logprobs":[3]}', "logprobs that make no sense"),
    ],
)
def test_what_is_no_answer_fails(stream: bytes, problem: str) -> None:
    last = decoded(stream)[-1]
    assert isinstance(last, ir.Failed)
    assert problem in last.error.message


@pytest.mark.parametrize("document", [None, [], {"done": False}, {"error": "no"}])
def test_a_document_that_is_no_answer_fails(document: object) -> None:
    (last,) = API.events(document)
    assert isinstance(last, ir.Failed)


def test_nothing_follows_the_end() -> None:
    decoder = API.decoder()
    assert list(decoder.feed("", b'{"done":true}'))[-1] == ir.Finished(ir.Stop("end", raw="stop"))
    assert list(decoder.feed("", b'{"message":{"content":"more"}}')) == []
    assert list(decoder.close()) == []


def test_an_upstreams_error_keeps_its_meaning() -> None:
    error = API.decode_error(404, {}, b'{"error":"model \\"x\\" not found, try pulling it first"}')
    assert error.status == 404
    assert "not found" in error.message
    assert isinstance(API.decode_error(500, {}, b"<html>"), UpstreamError)
