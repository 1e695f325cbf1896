"""A conversation's second turn: what the upstream thought in the first comes back to it intact.

The client gives back what its SDK gave it, and the results of the calls.
"""

from __future__ import annotations

from typing import Any

import pytest
from peer import Peer, transcripts
from peer.clients import Clients
from peer.matching import differences

Turn = list[dict[str, Any]]
TOOLS = {
    "weather": {"type": "object", "properties": {"city": {"type": "string"}}},
    "light": {"type": "object", "properties": {}},
}
RESULTS = {"call_a1": "sunny", "call_b2": "on"}
HELLO = {"role": "user", "content": "Weather, light?"}


def tools(client: str) -> list[dict[str, Any]]:
    match client:
        case "messages":
            return [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
        case "responses":
            return [
                {"type": "function", "name": name, "parameters": schema, "strict": False}
                for name, schema in TOOLS.items()
            ]
        case _:
            return [
                {"type": "function", "function": {"name": name, "parameters": schema}}
                for name, schema in TOOLS.items()
            ]


def asked(client: str, upstream: str, turns: Turn) -> dict[str, Any]:
    body: dict[str, Any] = {"model": f"{upstream}/wire-model", "tools": tools(client)}
    match client:
        case "messages":
            return body | {"max_tokens": 4000, "messages": turns}
        case "responses":
            return body | {
                "input": turns,
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": "low"},
                "store": False,
            }
        case _:
            return body | {"messages": turns}


def next_turn(client: str, answer: dict[str, Any], results: dict[str, str]) -> Turn:
    """What a client adds to its conversation: the answer as it came, and the results."""
    match client:
        case "messages":
            blocks = [
                {"type": "tool_result", "tool_use_id": call, "content": result}
                for call, result in results.items()
            ]
            told: Any = blocks or "Go on."
            return [
                {"role": "assistant", "content": answer["content"]},
                {"role": "user", "content": told},
            ]
        case "responses":
            items: Turn = [
                {"type": "function_call_output", "call_id": call, "output": result}
                for call, result in results.items()
            ]
            return [*answer["output"], *(items or [{"role": "user", "content": "Go on."}])]
        case _:
            messages: Turn = [
                {"role": "tool", "tool_call_id": call, "content": result}
                for call, result in results.items()
            ]
            spoken = answer["choices"][0]["message"]
            return [spoken, *(messages or [{"role": "user", "content": "Go on."}])]


ARGUMENTS = {"city": "Köln", "days": [1, 2]}
USES: Turn = [
    {"type": "tool_use", "id": "call_a1", "name": "weather", "input": ARGUMENTS},
    {"type": "tool_use", "id": "call_b2", "name": "light", "input": {}},
]
THOUGHTS: Turn = [
    {"type": "thinking", "thinking": "First the weather.", "signature": "c2lnbmVkLTE="},
    {"type": "thinking", "thinking": "Then the light.", "signature": "c2lnbmVkLTI="},
]
USED = {
    "role": "user",
    "content": [
        {"type": "tool_result", "tool_use_id": "call_a1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "call_b2", "content": "on"},
    ],
}
CALLS: Turn = [
    {
        "type": "function_call",
        "call_id": "call_a1",
        "name": "weather",
        "arguments": {"$json": ARGUMENTS},
    },
    {"type": "function_call", "call_id": "call_b2", "name": "light", "arguments": {"$json": {}}},
]
SUMMARIES: Turn = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "First the weather."}],
        "encrypted_content": "ZW5jcnlwdGVkLTE=",
    },
    {
        "type": "reasoning",
        "id": "rs_2",
        "summary": [{"type": "summary_text", "text": "Then the light."}],
        "encrypted_content": "ZW5jcnlwdGVkLTI=",
    },
]
OUTPUTS: Turn = [
    {"type": "function_call_output", "call_id": "call_a1", "output": "sunny"},
    {"type": "function_call_output", "call_id": "call_b2", "output": "on"},
]
SPOKEN: Turn = [
    {
        "role": "assistant",
        "reasoning_content": "First the weather.",
        "content": "I look.",
        "tool_calls": [
            {
                "id": call["call_id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in CALLS
        ],
    },
    {"role": "tool", "tool_call_id": "call_a1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "call_b2", "content": "on"},
]


def interleaved(thoughts: Turn, calls: Turn) -> Turn:
    return [part for pair in zip(thoughts, calls, strict=True) for part in pair]


# What the upstream must be told of its own turn, by the upstream and by the client. A message of
# Chat has one place for thoughts, in front of its calls.
OWN: dict[tuple[str, str], Turn] = {
    ("messages", "*"): [{"role": "assistant", "content": interleaved(THOUGHTS, USES)}, USED],
    ("messages", "chat"): [{"role": "assistant", "content": [*THOUGHTS, *USES]}, USED],
    ("responses", "*"): [*interleaved(SUMMARIES, CALLS), *OUTPUTS],
    ("responses", "chat"): [*SUMMARIES, *CALLS, *OUTPUTS],
    ("chat", "*"): SPOKEN,
}
REDACTED: dict[str, Turn] = {
    "messages": [
        {
            "role": "assistant",
            "content": [
                {"type": "redacted_thinking", "data": "cmVkYWN0ZWQtMQ=="},
                {"type": "thinking", "thinking": "Allowed.", "signature": "c2lnbmVkLTM="},
                {"type": "text", "text": "Done."},
            ],
        },
        {"role": "user", "content": "Go on."},
    ],
    "responses": [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "encrypted_content": "ZW5jcnlwdGVkLTE=",
        },
        {"role": "assistant"},
        {"role": "user"},
    ],
}
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def second_turn(
    peer: Peer,
    clients: Clients,
    pair: tuple[str, str],
    scenario: str,
    results: dict[str, str],
    stream: bool,
) -> Turn:
    """What the upstream is told in the second turn behind what the user said first."""
    client, upstream = pair
    played = transcripts.answer(upstream, scenario, stream)
    peer.play(played, played)
    answer = clients.ask(client, asked(client, upstream, [HELLO]), stream)
    turns = [HELLO, *next_turn(client, answer, results)]
    clients.ask(client, asked(client, upstream, turns), stream)
    body = peer.last.document
    told: Turn = body["input"] if upstream == "responses" else body["messages"]
    return told[1:]


@WAYS
@pytest.mark.parametrize("pair", transcripts.PAIRS, ids="-".join)
def test_every_thought_comes_back_to_its_maker_with_its_mark(
    peer: Peer, clients: Clients, pair: tuple[str, str], stream: bool
) -> None:
    told = second_turn(peer, clients, pair, "interleaved_thinking", RESULTS, stream)
    client, upstream = pair
    assert not differences(OWN.get((upstream, client), OWN[upstream, "*"]), told)


@WAYS
@pytest.mark.parametrize("client", transcripts.PROTOCOLS)
@pytest.mark.parametrize("upstream", REDACTED)
def test_what_only_its_maker_can_read_comes_back_to_it(
    peer: Peer, clients: Clients, client: str, upstream: str, stream: bool
) -> None:
    told = second_turn(peer, clients, (client, upstream), "redacted_thinking", {}, stream)
    assert not differences(REDACTED[upstream], told)


@pytest.mark.parametrize("pair", transcripts.PAIRS, ids="-".join)
def test_no_seal_ever_reaches_an_upstream(
    peer: Peer, clients: Clients, pair: tuple[str, str]
) -> None:
    second_turn(peer, clients, pair, "interleaved_thinking", RESULTS, False)
    second_turn(peer, clients, pair, "redacted_thinking", {}, False)
    assert not any(b"pst1." in request.body for request in peer.requests)
