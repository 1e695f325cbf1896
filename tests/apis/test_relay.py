"""Streams that pass through: whole events and not a byte changed, ended when they have, or said so.

The transcripts are what upstreams send; the official SDKs judge what clients make of a broken one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_responses import USUAL
from peer import transcripts
from strategies import chunks

from polystack.apis.chat.relay import ChatRelay
from polystack.apis.messages.relay import MessagesRelay
from polystack.apis.relay import Watcher
from polystack.apis.responses.relay import ResponsesRelay
from polystack.apis.sse import Parser, SSEvent
from polystack.core.canon.errors import RateLimited, UpstreamError

RELAYS: dict[str, type[Watcher]] = {
    "chat": ChatRelay,
    "messages": MessagesRelay,
    "responses": ResponsesRelay,
}
STREAMS = {
    f"{path.parts[-3]}-{path.parts[-2]}": (path.parts[-3], path.read_bytes())
    for path in sorted((Path(__file__).parents[1] / "transcripts").glob("*/*/stream.sse"))
}
ERROR = UpstreamError("the upstream was cut")
LINE_ENDS = (b"\n", b"\r\n", b"\r")


def fed(api: str, pieces: Iterable[bytes]) -> tuple[Watcher, bytes]:
    relay = RELAYS[api]()
    return relay, b"".join(relay.feed(piece) for piece in pieces)


def parsed(stream: bytes) -> list[SSEvent]:
    return list(Parser().feed(stream))


def frames(*documents: object, named: bool = True) -> bytes:
    """What an upstream sends, written by hand; a string is data as it stands."""
    stream = ""
    for document in documents:
        if named and isinstance(document, dict):
            stream += f"event: {document['type']}\n"
        data = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        stream += f"data: {data}\n\n"
    return stream.encode()


# Whole events ------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(STREAMS)), st.sampled_from(LINE_ENDS), st.data())
def test_chunks_change_neither_the_bytes_nor_what_is_seen_in_them(
    case: str, end: bytes, data: st.DataObject
) -> None:
    api, stream = STREAMS[case]
    stream = stream.replace(b"\n", end)
    cut = data.draw(st.integers(0, len(stream)))
    relay, out = fed(api, data.draw(chunks(stream[:cut])))
    at_once, whole = fed(api, [stream[:cut]])
    assert out + relay.rest() == whole + at_once.rest() == stream[:cut]
    assert out == whole
    assert relay.ended == at_once.ended
    assert relay.failure(ERROR, "req_1") == at_once.failure(ERROR, "req_1")
    assert relay.ping() == at_once.ping()


@given(st.sampled_from(sorted(STREAMS)), st.sampled_from(LINE_ENDS), st.data())
def test_half_an_event_is_held_and_a_whole_one_never(
    case: str, end: bytes, data: st.DataObject
) -> None:
    api, stream = STREAMS[case]
    stream = stream.replace(b"\n", end)
    cut = data.draw(st.integers(0, len(stream)))
    relay, out = fed(api, [stream[:cut]])
    assert parsed(out) == parsed(stream[:cut])
    assert parsed(out + relay.failure(ERROR, "req_1"))[:-1] == parsed(stream[:cut])
    assert not parsed(relay.rest())


@pytest.mark.parametrize("case", sorted(STREAMS))
def test_a_stream_has_ended_with_its_terminal_and_not_before(case: str) -> None:
    api, stream = STREAMS[case]
    relay, _ = fed(api, [stream])
    assert relay.ended
    before_terminal = stream.removesuffix(b"data: [DONE]\n\n")[:-1]
    relay, _ = fed(api, [before_terminal[: before_terminal.rindex(b"\n\n") + 2]])
    # In Chat the usage may follow the finish reason, which is an end already.
    assert relay.ended == (
        b'"finish_reason": "' in before_terminal[: before_terminal.rindex(b"\n\n")]
    )


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ("data: a||", ""),
        ("data: a|", "data: a|"),
        ("data: a||data: b", "data: b"),
        ("data: a||||", ""),
        ("|", ""),
        (": comment|", ": comment|"),
        (": comment||", ""),
    ],
)
def test_an_event_ends_with_an_empty_line_in_each_kind_of_line_end(
    lines: str, held: str, end: bytes
) -> None:
    stream = lines.encode().replace(b"|", end)
    for pieces in ([stream], [stream[i : i + 1] for i in range(len(stream))]):
        relay, _ = fed("chat", pieces)
        assert relay.rest() == held.encode().replace(b"|", end)


def test_a_mixture_of_line_ends_is_read_as_the_standard_says() -> None:
    stream = b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\r\n\r\ndata: e\n"
    for pieces in ([stream], [stream[i : i + 1] for i in range(len(stream))]):
        relay, _ = fed("chat", pieces)
        assert relay.rest() == b"data: e\n"


def test_what_goes_on_without_an_end_is_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystack.apis.relay.LIMIT", 1 << 20)
    relay = ChatRelay()
    assert relay.feed(b"x" * (1 << 20)) == b""
    with pytest.raises(UpstreamError, match="an event of the upstream is longer than 1 MiB"):
        relay.feed(b"x")


# What ends a stream ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "stream"),
    [
        ("chat", b"data: [DONE]\n\n"),
        ("chat", b"data:[DONE]\n\n"),
        ("chat", b'data: {"choices": [{"index": 0, "finish_reason" : "stop"}]}\n\n'),
        ("chat", b'data: {"error": {"message": "no"}}\n\n'),
        ("chat", b'data:{ "id": "x", "error": {"message": "no"}, "choices": []}\n\n'),
        ("chat", b'event: error\ndata: {"error": "no"}\n\n'),
        ("messages", b'event: message_stop\ndata: {"type": "message_stop"}\n\n'),
        ("messages", b'data: {"type": "message_stop"}\n\n'),
        ("messages", b"event:error\ndata: overloaded\n\n"),
        ("responses", b'data: {"type": "response.completed", "response": {}}\n\n'),
        ("responses", b'event: response.incomplete\ndata: {"response": {}}\n\n'),
        ("responses", b'data: {"type": "response.failed", "response": {"error": {}}}\n\n'),
        ("responses", b'data: {"type": "response.cancelled", "response": {}}\n\n'),
        ("responses", b'data: {"type": "error", "code": null, "message": "no"}\n\n'),
        ("responses", b'data: {"error": {"message": "no"}}\n\n'),
    ],
)
def test_a_terminal_is_known_in_all_the_ways_that_servers_write_it(api: str, stream: bytes) -> None:
    assert fed(api, [stream])[0].ended
    assert not fed(api, [stream[:-1]])[0].ended


@pytest.mark.parametrize(
    ("api", "stream"),
    [
        ("chat", frames({"choices": [{"index": 0, "finish_reason": None}]}, named=False)),
        ("chat", frames({"choices": [{"index": 0, "finish_reason": ""}]}, named=False)),
        ("chat", frames({"error": None, "choices": []}, named=False)),
        ("chat", b": [DONE]\n\n"),
        ("chat", b"data: <html>\n\n"),
        ("chat", b'data: ["error"]\n\n'),
        ("messages", frames({"type": "ping"})),
        ("messages", frames({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})),
        ("messages", b": message_stop\n\n"),
        ("responses", frames({"type": "response.created", "response": {"error": None}})),
        ("responses", frames({"type": "keepalive", "sequence_number": 1})),
        ("responses", b"data: [DONE]\n\n"),
    ],
)
def test_what_only_resembles_a_terminal_is_none(api: str, stream: bytes) -> None:
    assert not fed(api, [stream])[0].ended


WORDS = [
    "data: [DONE]",
    "\n\ndata: [DONE]\n\n",
    "\r\revent: error\rdata: {}\r\r",
    '{"error": {"message": "no"}}',
    '"error"',
    "error",
    '","finish_reason":"stop"',
    '"finish_reason": "stop"',
    "event: message_stop\ndata: {}\n\n",
    "message_stop",
    '"response"',
    "response",
    "response.completed",
    '"type":"response.completed"',
    "\n\nevent: response.completed\ndata: {}\n\n",
    "sequence_number",
]


def deltas(api: str, text: str) -> bytes:
    """One token of a model in mid-stream."""
    match api:
        case "chat":
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            return frames({"id": text, "choices": [choice]}, named=False)
        case "messages":
            delta = {"type": "text_delta", "text": text}
            return frames({"type": "content_block_delta", "index": 0, "delta": delta})
        case _:
            kind = "response.output_text.delta"
            return frames({"type": kind, "delta": text, "sequence_number": 7})


@pytest.mark.parametrize("api", sorted(RELAYS))
@given(words=st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=4), data=st.data())
def test_no_text_of_a_model_passes_for_a_terminal(
    api: str, words: list[str], data: st.DataObject
) -> None:
    stream = deltas(api, "".join(words))
    relay, out = fed(api, data.draw(chunks(stream)))
    assert out == stream
    assert not relay.ended


def choices(*pairs: tuple[int, str | None]) -> bytes:
    each = ({"index": index, "finish_reason": reason} for index, reason in pairs)
    return frames(*({"choices": [choice]} for choice in each), named=False)


def test_a_choice_that_goes_on_after_another_has_finished_keeps_the_stream_open() -> None:
    relay = ChatRelay()
    relay.feed(choices((0, None), (1, None), (0, "stop"), (1, None)))
    assert not relay.ended
    relay.feed(choices((1, None), (1, "length")))
    assert relay.ended


def test_the_usage_after_the_finish_reason_takes_nothing_back() -> None:
    relay = ChatRelay()
    relay.feed(choices((0, "stop")))
    relay.feed(frames({"choices": [], "usage": {"prompt_tokens": 1}}, named=False))
    assert relay.ended


# Signs of life and failures ----------------------------------------------------------------------

CREATED = {
    "type": "response.created",
    "sequence_number": 0,
    "response": {
        **USUAL,
        "id": "resp_1",
        "status": "in_progress",
        "metadata": {"vendor": "kept"},
    },
}
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": []}
DONE = {
    "type": "response.output_item.done",
    "sequence_number": 4,
    "output_index": 0,
    "item": ITEM,
}
DELTA = {"type": "response.output_text.delta", "sequence_number": 5, "delta": "sequence_number"}


def only(data: bytes) -> tuple[str, Any]:
    (event,) = parsed(data)
    return event.event, json.loads(event.data)


def test_a_failure_in_chat_is_an_error_and_no_done() -> None:
    relay, _ = fed("chat", [deltas("chat", "Hel")])
    name, body = only(relay.failure(ERROR, "req_1"))
    assert name == ""
    assert body["error"]["message"] == "the upstream was cut"


def test_a_failure_in_messages_is_an_error_event_with_the_request_s_id() -> None:
    relay, _ = fed("messages", [deltas("messages", "Hel")])
    name, body = only(relay.failure(RateLimited("later"), "req_1"))
    assert (name, body["type"], body["request_id"]) == ("error", "error", "req_1")
    assert body["error"] == {"type": "rate_limit_error", "message": "later"}


def test_a_failure_in_responses_is_the_answer_that_began_with_the_items_that_were_done() -> None:
    relay, _ = fed("responses", [frames(CREATED, DONE, DELTA)])
    name, body = only(relay.failure(RateLimited("later"), "req_1"))
    assert (name, body["type"], body["sequence_number"]) == (*["response.failed"] * 2, 6)
    assert body["response"] == {
        **CREATED["response"],  # type: ignore[dict-item]
        "status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "later"},
        "output": [ITEM],
    }


def test_a_failure_before_the_answer_began_is_a_bare_error() -> None:
    name, body = only(ResponsesRelay().failure(ERROR, "req_1"))
    assert (name, body["type"], body["sequence_number"]) == ("error", "error", 0)
    assert body["message"] == "the upstream was cut"


def test_a_sign_of_life_in_responses_is_an_event_that_takes_no_number_of_its_own() -> None:
    relay, _ = fed("responses", [frames(CREATED, DONE, DELTA)])
    name, body = only(relay.ping())
    assert (name, body["type"], body["sequence_number"]) == (*["response.in_progress"] * 2, 5)
    assert body["response"] == CREATED["response"]


def test_before_anything_came_a_sign_of_life_is_one_that_every_client_skips() -> None:
    assert ChatRelay().ping() == ResponsesRelay().ping() == b": ping\n\n"
    assert only(MessagesRelay().ping()) == ("ping", {"type": "ping"})


# What the SDKs make of it ------------------------------------------------------------------------


def served(body: bytes) -> httpx2.Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def ask_chat(body: bytes) -> list[str]:
    with openai.OpenAI(api_key="dummy", base_url="http://up", http_client=served(body)) as sdk:
        stream = sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        )
        return [choice.finish_reason or "" for chunk in stream for choice in chunk.choices]


def ask_messages(body: bytes) -> list[str]:
    with (
        anthropic.Anthropic(api_key="dummy", base_url="http://up", http_client=served(body)) as sdk,
        sdk.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream,
    ):
        return [event.type for event in stream]


def ask_responses(body: bytes) -> list[str]:
    with (
        openai.OpenAI(api_key="dummy", base_url="http://up", http_client=served(body)) as sdk,
        sdk.responses.stream(model="m", input="x") as stream,
    ):
        return [event.type for event in stream]


@pytest.mark.parametrize(
    ("api", "ask", "raised"),
    [
        ("chat", ask_chat, openai.APIError),
        ("messages", ask_messages, anthropic.APIStatusError),
    ],
)
def test_the_sdks_raise_our_words_wherever_a_stream_is_cut(
    api: str, ask: Callable[[bytes], list[str]], raised: type[Exception]
) -> None:
    stream = STREAMS[f"{api}-text"][1]
    cuts = [cut for cut in range(1, len(stream), 97) if not fed(api, [stream[:cut]])[0].ended]
    for cut in cuts:
        relay, out = fed(api, [stream[:cut]])
        with pytest.raises(raised, match="the upstream was cut"):
            ask(out + relay.failure(ERROR, "req_1"))
    assert len(cuts) > 5


def test_the_responses_sdk_is_told_that_its_answer_failed_wherever_a_stream_is_cut() -> None:
    stream = transcripts.stream("responses", "text")
    start = stream.index(b"\n\n") + 2
    cuts = [c for c in range(start, len(stream), 97) if not fed("responses", [stream[:c]])[0].ended]
    for cut in cuts:
        relay, out = fed("responses", [stream[:cut]])
        assert ask_responses(out + relay.failure(ERROR, "req_1"))[-1] == "response.failed"
    assert len(cuts) > 5


@pytest.mark.parametrize(
    ("api", "ask"),
    [("chat", ask_chat), ("messages", ask_messages), ("responses", ask_responses)],
)
def test_the_sdks_take_a_sign_of_life_between_any_two_events(
    api: str, ask: Callable[[bytes], list[str]]
) -> None:
    stream = transcripts.stream(api, "parallel_tools")
    relay, out = RELAYS[api](), b""
    for event in stream.removesuffix(b"\n\n").split(b"\n\n"):
        out += relay.ping() + relay.feed(event + b"\n\n")
    life = {"response.in_progress"}
    assert [e for e in ask(out) if e not in life] == [e for e in ask(stream) if e not in life]


@pytest.mark.parametrize(
    ("api", "said"),
    [
        ("chat", b'data: {"object": "error", "message": "too much", "code": 429}\n\n'),
        ("chat", b'data: {"choices": [{"finish_reason": "error", "error": "too much"}]}\n\n'),
        ("messages", b'data: {"type": "error", "error": {"message": "too much"}}\n\n'),
        ("messages", b'data: {"error": {"message": "too much"}}\n\n'),
    ],
)
def test_an_error_that_no_sdk_knows_is_said_again_in_a_form_that_it_does(
    api: str, said: bytes
) -> None:
    relay, out = fed(api, [said])
    assert out == said
    assert not relay.ended
    _, body = only(relay.failure(UpstreamError("the stream ended"), "req_1"))
    assert body["error"]["message"] == "too much"


@pytest.mark.parametrize(
    "said",
    [
        b'data: {"object": "error", "message": "too much"}\n\n',
        b'data: {"error": {"message": "too much"}}\n\n',
        b'data: {"choices": [{"index": 0, "finish_reason": "error"}]}\n\n',
    ],
)
@pytest.mark.parametrize("end", LINE_ENDS)
@given(data=st.data())
def test_an_error_in_chat_is_not_followed_by_a_word_of_success(
    said: bytes, end: bytes, data: st.DataObject
) -> None:
    before = deltas("chat", "data: [DONE]").replace(b"\n", end)
    said = said.replace(b"\n", end)
    done = b"data: [DONE]\n\n".replace(b"\n", end)
    relay, out = fed("chat", data.draw(chunks(before + said + done)))
    # Of a CRLF that was cut in two the second half is left, which is an empty line.
    assert (out + relay.rest()).rstrip() == (before + said).rstrip()
