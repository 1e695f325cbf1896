"""Scripted parts of every kind, through the official SDKs, each protocol streaming and not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI
from serving import serving

DISTRIBUTION = """
version: 1
name: parts
apis: [messages, responses, chat]
providers:
  demo:
    type: scripted
    config:
      answers:
        - {when: {text: plain}, parts: [{text: [Hel, "lo é", "😀"]}]}
        - when: {text: reasoning}
          parts:
            - reasoning: {text: [Let me, " think."], signature: c2ln}
            - text: Done.
          usage: {input: 20, output: 9, reasoning: 4, cache_read: 8}
        - when: {text: sealed}
          parts: [{reasoning: {sealed: c2VhbGVk}}, {text: Done.}]
        - when: {text: refusal}
          parts: [{refusal: I will not.}]
          stop: refusal
        - when: {text: calls}
          overlap: true
          parts:
            - text: I look.
            - tool_call: {id: call_a, name: weather, arguments: ['{"city":', ' "Paris"}']}
            - tool_call: {id: call_b, name: light, arguments: {}}
        - when: {text: custom}
          parts: [{tool_call: {id: call_c, name: patch, kind: custom, arguments: ["*** a\\n", b]}}]
        - when: {text: namespace}
          parts: [{tool_call: {id: call_n, name: light, namespace: home, arguments: {}}}]
        - when: {text: citation}
          parts:
            - text: Grass is green.
              citations: [{start: 0, end: 5, url: "https://example.org/a", title: A, quote: Grass}]
        - when: {text: logprobs}
          parts:
            - text: ""
              logprobs: [{token: Hi, logprob: -0.5, top: [{token: Hi, logprob: -0.5}]}]
        - {when: {text: empty}, parts: []}
        - {when: {text: length}, parts: [{text: cut}], stop: length}
        - when: {text: sequence}
          parts: [{text: "a "}]
          stop: {reason: stop_sequence, sequence: END}
        - {when: {text: filter}, parts: [{text: hm}], stop: filter}
        - when: {text: interleaved}
          parts:
            - reasoning: first
            - tool_call: {id: call_1, name: weather, arguments: {}}
            - reasoning: second
            - text: last
        - {when: {image: true}, parts: [{text: "I see an image."}]}
        - {when: {text: midway}, parts: [{text: half}], fail: {kind: upstream, message: broken}}
        - {when: {text: rate}, error: {kind: rate_limited, message: later}}
        - {when: {text: busy}, error: {kind: overloaded, message: later}}
aliases: {"*": demo/scripted}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("parts") / "parts.yaml"
    path.write_text(DISTRIBUTION)
    with serving(path) as url:
        yield url


@pytest.fixture
def claude(url: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        yield client


Shown = list[dict[str, Any]]


def shown_of(node: Any, *fields: str) -> dict[str, Any]:
    return {name: getattr(node, name) for name in fields}


# Messages ----------------------------------------------------------------------------------------

MESSAGES: dict[str, tuple[str, Shown]] = {
    "plain": ("end_turn", [{"text": "Hello é😀"}]),
    "reasoning": (
        "end_turn",
        [{"thinking": "Let me think.", "signature": "c2ln"}, {"text": "Done."}],
    ),
    "sealed": ("end_turn", [{"data": "c2VhbGVk"}, {"text": "Done."}]),
    "refusal": ("refusal", [{"text": "I will not."}]),
    "calls": (
        "tool_use",
        [
            {"text": "I look."},
            {"id": "call_a", "name": "weather", "input": {"city": "Paris"}},
            {"id": "call_b", "name": "light", "input": {}},
        ],
    ),
    "custom": ("tool_use", [{"id": "call_c", "name": "patch", "input": {"input": "*** a\nb"}}]),
    "namespace": ("tool_use", [{"id": "call_n", "name": "home__light", "input": {}}]),
    "citation": ("end_turn", [{"text": "Grass is green."}]),
    "logprobs": ("end_turn", [{"text": "Hi"}]),
    "empty": ("end_turn", []),
    "length": ("max_tokens", [{"text": "cut"}]),
    "sequence": ("stop_sequence", [{"text": "a "}]),
    "filter": ("refusal", [{"text": "hm"}]),
    "interleaved": (
        "tool_use",
        [
            {"thinking": "first", "signature": ""},
            {"id": "call_1", "name": "weather", "input": {}},
            {"thinking": "second", "signature": ""},
            {"text": "last"},
        ],
    ),
}
BLOCK_FIELDS = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
}


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_messages(claude: Anthropic, kind: str, stream: bool) -> None:
    asked: Any = {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": kind}],
    }
    if stream:
        with claude.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.create(**asked)
    blocks = [shown_of(block, *BLOCK_FIELDS[block.type]) for block in message.content]
    assert (message.stop_reason, blocks) == MESSAGES[kind]
    assert message.stop_sequence == ("END" if kind == "sequence" else None)
    if kind == "reasoning":
        usage = message.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (12, 8)
        assert usage.output_tokens == 9
    if kind == "citation":
        block: Any = message.content[0]
        assert [citation.cited_text for citation in block.citations] == ["Grass"]


# Responses ---------------------------------------------------------------------------------------

RESPONSES: dict[str, tuple[str, Shown]] = {
    "plain": ("completed", [{"text": "Hello é😀"}]),
    "reasoning": ("completed", [{"thought": "Let me think."}, {"text": "Done."}]),
    "sealed": ("completed", [{"thought": "", "sealed": "c2VhbGVk"}, {"text": "Done."}]),
    "refusal": ("completed", [{"refusal": "I will not."}]),
    "calls": (
        "completed",
        [
            {"text": "I look."},
            {"call_id": "call_a", "name": "weather", "arguments": '{"city": "Paris"}'},
            {"call_id": "call_b", "name": "light", "arguments": "{}"},
        ],
    ),
    "custom": ("completed", [{"call_id": "call_c", "name": "patch", "input": "*** a\nb"}]),
    "namespace": (
        "completed",
        [{"call_id": "call_n", "name": "light", "arguments": "{}", "namespace": "home"}],
    ),
    "citation": ("completed", [{"text": "Grass is green.", "url": "https://example.org/a"}]),
    "logprobs": ("completed", [{"text": "Hi", "logprob": -0.5}]),
    "empty": ("completed", []),
    "length": ("incomplete", [{"text": "cut"}]),
    "sequence": ("completed", [{"text": "a "}]),
    "filter": ("incomplete", [{"text": "hm"}]),
    "interleaved": (
        "completed",
        [
            {"thought": "first"},
            {"call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"thought": "second"},
            {"text": "last"},
        ],
    ),
}


def item_of(item: Any) -> dict[str, Any]:
    match item.type:
        case "message":
            (part,) = item.content
            if part.type == "refusal":
                return {"refusal": part.refusal}
            noted = {"url": part.annotations[0].url} if part.annotations else {}
            noted |= {"logprob": part.logprobs[0].logprob} if part.logprobs else {}
            return {"text": part.text} | noted
        case "reasoning":
            thought = "".join(part.text for part in item.content or ())
            sealed = {"sealed": item.encrypted_content} if item.encrypted_content else {}
            return {"thought": thought} | sealed
        case "function_call":
            space = {"namespace": item.namespace} if getattr(item, "namespace", None) else {}
            return shown_of(item, "call_id", "name", "arguments") | space
        case _:
            return shown_of(item, "call_id", "name", "input")


@pytest.mark.parametrize("kind", RESPONSES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses(gpt: OpenAI, kind: str, stream: bool) -> None:
    asked: Any = {
        "model": "m",
        "input": kind,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    }
    if stream:
        last: Any = list(gpt.responses.create(**asked, stream=True))[-1]
        response: Any = last.response
        assert last.type == f"response.{response.status}"
    else:
        response = gpt.responses.create(**asked)
    assert (response.status, [item_of(item) for item in response.output]) == RESPONSES[kind]
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    if kind in reasons:
        assert response.incomplete_details.reason == reasons[kind]
    if kind == "reasoning":
        assert response.usage.input_tokens == 20
        assert response.usage.input_tokens_details.cached_tokens == 8
        assert response.usage.output_tokens_details.reasoning_tokens == 4


@pytest.mark.parametrize("kind", [k for k, (s, _) in RESPONSES.items() if s == "completed"])
def test_the_responses_stream_helper(gpt: OpenAI, kind: str) -> None:
    include: Any = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    with gpt.responses.stream(model="m", input=kind, include=include) as stream:
        final = stream.get_final_response()
    assert [item_of(item) for item in final.output] == RESPONSES[kind][1]


# Chat --------------------------------------------------------------------------------------------

CHAT: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("stop", {"content": "Hello é😀"}),
    "reasoning": ("stop", {"reasoning_content": "Let me think.", "content": "Done."}),
    "sealed": ("stop", {"content": "Done."}),
    "refusal": ("stop", {"refusal": "I will not."}),
    "calls": (
        "tool_calls",
        {
            "content": "I look.",
            "calls": [("call_a", "weather", '{"city": "Paris"}'), ("call_b", "light", "{}")],
        },
    ),
    "namespace": ("tool_calls", {"calls": [("call_n", "home__light", "{}")]}),
    "citation": ("stop", {"content": "Grass is green.", "url": "https://example.org/a"}),
    "logprobs": ("stop", {"content": "Hi", "logprob": -0.5}),
    "empty": ("stop", {}),
    "length": ("length", {"content": "cut"}),
    "sequence": ("stop", {"content": "a "}),
    "filter": ("content_filter", {"content": "hm"}),
    "interleaved": (
        "tool_calls",
        {
            "reasoning_content": "firstsecond",
            "content": "last",
            "calls": [("call_1", "weather", "{}")],
        },
    ),
}


def choice_of(choice: Any) -> tuple[str, dict[str, Any]]:
    message = choice.message
    shown: dict[str, Any] = {}
    for name in ("reasoning_content", "content", "refusal"):
        if getattr(message, name, None):
            shown[name] = getattr(message, name)
    calls = [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ()]
    if calls:
        shown["calls"] = calls
    annotations = getattr(message, "annotations", None) or ()
    for each in annotations:
        source = each["url_citation"] if isinstance(each, dict) else each.url_citation
        shown["url"] = source["url"] if isinstance(source, dict) else source.url
    if choice.logprobs and choice.logprobs.content:
        shown["logprob"] = choice.logprobs.content[0].logprob
    return choice.finish_reason, shown


@pytest.mark.parametrize("kind", CHAT)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_chat(gpt: OpenAI, kind: str, stream: bool) -> None:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": kind}]}
    if stream and kind not in ("length", "filter"):  # which the helper raises for
        with gpt.chat.completions.stream(**asked) as events:
            choice: Any = events.get_final_completion().choices[0]
    else:
        choice = gpt.chat.completions.create(**asked).choices[0]
    assert choice_of(choice) == CHAT[kind]


def test_a_custom_call_in_chat(gpt: OpenAI) -> None:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "custom"}]}
    completion: Any = gpt.chat.completions.create(**asked)
    (call,) = completion.choices[0].message.tool_calls
    assert call.type == "custom"
    assert (call.id, call.custom.name, call.custom.input) == ("call_c", "patch", "*** a\nb")
    chunks: list[Any] = list(gpt.chat.completions.create(**asked, stream=True))
    deltas = [d for c in chunks for d in c.choices[0].delta.tool_calls or ()]
    text = "".join(d.to_dict().get("custom", {}).get("input", "") for d in deltas)
    assert text == "*** a\nb"


# What was lost is told ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path"), [("logprobs", "logprobs"), ("custom", "input"), ("namespace", "namespace")]
)
def test_a_loss_of_the_answer_is_in_the_header_and_beside_the_terminal(
    claude: Anthropic, kind: str, path: str
) -> None:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": kind}]}
    raw = claude.messages.with_raw_response.create(**asked)
    assert path in raw.headers["x-stack-fidelity"]
    with claude.messages.with_streaming_response.create(**asked, stream=True) as answer:
        assert answer.headers["x-stack-fidelity"] == "exact"
        notes = [line for line in answer.iter_lines() if line.startswith(": x-stack-fidelity")]
    assert len(notes) == 1
    assert path in notes[0]


# Errors ------------------------------------------------------------------------------------------


def test_errors_before_the_start(claude: Anthropic, gpt: OpenAI) -> None:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "rate"}]}
    with pytest.raises(anthropic.RateLimitError, match="later"):
        claude.messages.create(**asked, max_tokens=9)
    with pytest.raises(openai.RateLimitError, match="later"):
        gpt.chat.completions.create(**asked, stream=True)
    busy: Any = [{"role": "user", "content": "busy"}]
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        claude.messages.create(model="m", max_tokens=9, messages=busy)
    assert overloaded.value.status_code == 529
    with pytest.raises(openai.InternalServerError) as unavailable:
        gpt.responses.create(model="m", input="busy")
    assert unavailable.value.status_code == 503


def test_errors_in_mid_stream(claude: Anthropic, gpt: OpenAI) -> None:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "midway"}]}
    with (
        pytest.raises(anthropic.APIStatusError, match="broken"),
        claude.messages.stream(**asked, max_tokens=9) as stream,
    ):
        stream.until_done()
    with pytest.raises(openai.APIError, match="broken"):
        list(gpt.chat.completions.create(**asked, stream=True))
    last = list(gpt.responses.create(model="m", input="midway", stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.message == "broken"


def test_images_reach_a_provider_from_every_protocol(claude: Anthropic, gpt: OpenAI) -> None:
    picture = "iVBORw0KGgo="
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    content: Any = [{"type": "image", "source": source}]
    message = claude.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": content}]
    )
    assert message.content[0].text == "I see an image."  # type: ignore[union-attr]
    url = f"data:image/png;base64,{picture}"
    parts: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]
    assert gpt.responses.create(model="m", input=parts).output_text == "I see an image."
    parts = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    completion = gpt.chat.completions.create(model="m", messages=parts)
    assert completion.choices[0].message.content == "I see an image."
