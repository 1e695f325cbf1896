"""What only the events of a stream show: their order, their names, the counts at the start."""

from __future__ import annotations

from typing import Any

import pytest
from peer import Peer, streamed, transcripts
from peer.clients import Clients
from peer.framings import FRAMINGS
from peer.matching import differences

HELLO: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello, how are you?"}]},
    "responses": {"input": "hello, how are you?"},
    "chat": {
        "messages": [{"role": "user", "content": "hello, how are you?"}],
        "stream_options": {"include_usage": True},
    },
}
TRANSLATED = [pair for pair in transcripts.PAIRS if pair[0] != pair[1]]


def events(clients: Clients, client: str, upstream: str, model: str = "") -> list[dict[str, Any]]:
    asked = HELLO[client] | {"model": model or f"{upstream}/wire-model"}
    create: Any = {
        "messages": clients.claude.messages.create,
        "responses": clients.gpt.responses.create,
        "chat": clients.gpt.chat.completions.create,
    }[client]
    return [event.to_dict() for event in create(**asked, stream=True)]


def model_of(client: str, event: dict[str, Any]) -> Any:
    shown = {"messages": "message", "responses": "response"}
    return event[shown[client]]["model"] if client in shown else event["model"]


@pytest.mark.parametrize("upstream", ["chat", "responses"])
def test_messages_begin_with_an_estimate_that_the_end_corrects(
    peer: Peer, clients: Clients, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "cached_usage", True))
    seen = events(clients, "messages", upstream)
    assert 1 <= seen[0]["message"]["usage"]["input_tokens"] <= 100
    last = next(event["usage"] for event in seen if event["type"] == "message_delta")
    assert last["input_tokens"] == 12
    assert last["cache_read_input_tokens"] == 80
    assert last["cache_creation_input_tokens"] == 8
    assert last["output_tokens"] == 20


@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_chats_usage_comes_in_a_chunk_without_choices(
    peer: Peer, clients: Clients, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "cached_usage", True))
    seen = events(clients, "chat", upstream)
    assert seen[-1]["choices"] == []
    assert seen[-1]["usage"]["prompt_tokens"] == 100
    assert all(event["usage"] is None for event in seen[:-1])


@pytest.mark.parametrize(("client", "upstream"), TRANSLATED)
def test_a_translated_answer_names_the_model_that_was_asked_for(
    peer: Peer, clients: Clients, client: str, upstream: str
) -> None:
    peer.play(transcripts.answer(upstream, "text", True))
    seen = events(clients, client, upstream, f"to-{upstream}")
    assert model_of(client, seen[0]) == f"to-{upstream}"


@pytest.mark.parametrize(("client", "upstream"), transcripts.PAIRS)
@pytest.mark.parametrize("scenario", ["interleaved_thinking", "parallel_tools"])
def test_wherever_the_upstreams_bytes_are_cut_the_client_sees_the_same(
    peer: Peer, clients: Clients, client: str, upstream: str, scenario: str
) -> None:
    stream = transcripts.stream(upstream, scenario)
    asked = HELLO[client] | {"model": f"{upstream}/wire-model"}
    asked.pop("stream_options", None)
    for cuts in (range(7, len(stream), 97), [len(stream) // 2, len(stream) - 3]):
        peer.play(streamed(stream, list(cuts)[:40]))
        answer = clients.ask(client, dict(asked), True)
        peer.play(transcripts.answer(upstream, scenario, True))
        assert told(clients.ask(client, dict(asked), True)) == told(answer)


@pytest.mark.parametrize(("client", "upstream"), TRANSLATED)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_however_the_upstream_frames_its_events_the_client_sees_the_same(
    peer: Peer, clients: Clients, client: str, upstream: str, framing: str
) -> None:
    stream = FRAMINGS[framing](transcripts.stream(upstream, "interleaved_thinking"))
    peer.play(streamed(stream))
    asked = HELLO[client] | {"model": f"{upstream}/wire-model"}
    asked.pop("stream_options", None)
    asked |= {"include": ["reasoning.encrypted_content"]} if client == "responses" else {}
    answer = clients.ask(client, asked, True)
    assert not differences(transcripts.seen("interleaved_thinking", client, upstream), answer)


@pytest.mark.parametrize(("client", "upstream"), TRANSLATED)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_an_answer_calls_itself_decides_how_it_is_read(
    peer: Peer, clients: Clients, client: str, upstream: str, stream: bool
) -> None:
    peer.play(transcripts.answer(upstream, "parallel_tools", not stream))
    asked = HELLO[client] | {"model": f"{upstream}/wire-model"}
    asked.pop("stream_options", None)
    answer = clients.ask(client, asked, stream)
    assert not differences(transcripts.seen("parallel_tools", client, upstream), answer)


def told(answer: dict[str, Any]) -> Any:
    """What an answer says, without what names it and the seals."""
    content = answer.get("content") or answer.get("output") or answer["choices"]
    return _bare(content)


def _bare(value: Any) -> Any:
    match value:
        case dict():
            named = ("id", "signature", "encrypted_content", "reasoning_details")
            return {name: _bare(each) for name, each in value.items() if name not in named}
        case list():
            return [_bare(each) for each in value]
        case _:
            return value
