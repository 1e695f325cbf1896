"""What was sent stays as it was sent, so that an upstream can reuse what it has read.

From one request of a conversation to the next the tools and the system text keep their bytes, and
the earlier messages are, up to the bracket that closed them, the beginning of the later ones. It
holds for all nine pairs of protocols and whatever an upstream takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.core.contract.api import Api
from polystack.providers.remote.fitting import fit
from polystack.providers.remote.traits import Traits

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
LISTS = {"messages": "messages", "chat": "messages", "responses": "input"}
PIXEL = "iVBORw0KGgo="
TOOLS = ("look", "write.file", "apply_patch")  # the last one is a custom tool where there are any

few = settings(max_examples=40)


@dataclass(frozen=True)
class Call:
    id: str
    tool: str
    argument: str
    result: str
    image: bool
    failed: bool


@dataclass(frozen=True)
class Round:
    """What the user's side says, and the answer to it; its calls open the next round."""

    system: str | None
    says: tuple[str, ...]
    thought: str | None
    text: str | None
    calls: tuple[Call, ...]


letters = st.text(st.sampled_from('ab "\\\né😀'), min_size=1, max_size=6).map(lambda t: f"x{t}x")


@st.composite
def conversations(draw: st.DrawFn) -> list[Round]:
    rounds: list[Round] = []
    for number in range(draw(st.integers(2, 4))):
        calls = tuple(
            Call(
                f"call_{number}_{i}",
                draw(st.sampled_from(TOOLS)),
                draw(letters),
                draw(letters),
                draw(st.booleans()),
                draw(st.booleans()),
            )
            for i in range(draw(st.integers(0, 2)))
        )
        waits = bool(rounds and rounds[-1].calls)
        rounds.append(
            Round(
                draw(st.none() | letters),
                tuple(draw(st.lists(letters, min_size=0 if waits else 1, max_size=2))),
                draw(st.none() | letters),
                draw(letters if not calls else st.none() | letters),
                calls,
            )
        )
    return rounds


traits = st.builds(
    Traits,
    system_in_conversation=st.booleans(),
    media_in_results=st.booleans(),
    custom_tools=st.booleans(),
    namespaces=st.booleans(),
    reasoning_field=st.sampled_from(["reasoning_content", "reasoning", "reasoning_details", None]),
    reasoning_required=st.booleans(),
)


# The same conversation in the three protocols -----------------------------------------------------


def messages(rounds: list[Round], size: int) -> dict[str, Any]:
    said: list[Any] = []
    waiting: tuple[Call, ...] = ()
    for each in rounds[:size]:
        content = [_tool_result(call) for call in waiting]
        content += [{"type": "text", "text": text} for text in each.says]
        said.append({"role": "user", "content": content})
        if each.system is not None:
            said.append({"role": "system", "content": each.system})
        said.append({"role": "assistant", "content": list(_blocks(each))})
        waiting = each.calls
    return {
        "model": "m",
        "max_tokens": 9,
        "system": "Be kind.",
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in TOOLS],
        "messages": said[:-1],
    }


def _blocks(each: Round) -> Iterator[Any]:
    if each.thought is not None:
        yield {"type": "thinking", "thinking": each.thought, "signature": "s"}
    if each.text is not None:
        yield {"type": "text", "text": each.text}
    for call in each.calls:
        yield {"type": "tool_use", "id": call.id, "name": call.tool, "input": {"a": call.argument}}


def _tool_result(call: Call) -> Any:
    content: list[Any] = [{"type": "text", "text": call.result}]
    if call.image:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content.append({"type": "image", "source": source})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": content}
    return result | ({"is_error": True} if call.failed else {})


def chat(rounds: list[Round], size: int) -> dict[str, Any]:
    said: list[Any] = [{"role": "system", "content": "Be kind."}]
    waiting: tuple[Call, ...] = ()
    for each in rounds[:size]:
        said += [{"role": "tool", "tool_call_id": c.id, "content": c.result} for c in waiting]
        said += [{"role": "user", "content": text} for text in each.says]
        if each.system is not None:
            said.append({"role": "developer", "content": each.system})
        said.append(_chat_answer(each))
        waiting = each.calls
    return {"model": "m", "messages": said[:-1], "tools": [_chat_tool(name) for name in TOOLS]}


def _chat_answer(each: Round) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": each.text}
    if each.thought is not None:
        message["reasoning_content"] = each.thought
    if each.calls:
        message["tool_calls"] = [_chat_call(call) for call in each.calls]
    return message


def _chat_tool(name: str) -> Any:
    kind = "custom" if name == "apply_patch" else "function"
    return {"type": kind, kind: {"name": name}}


def _chat_call(call: Call) -> Any:
    if call.tool == "apply_patch":
        body = {"name": call.tool, "input": call.argument}
        return {"id": call.id, "type": "custom", "custom": body}
    function = {"name": call.tool, "arguments": json.dumps({"a": call.argument})}
    return {"id": call.id, "type": "function", "function": function}


def responses(rounds: list[Round], size: int) -> dict[str, Any]:
    items: list[Any] = []
    waiting: tuple[Call, ...] = ()
    end = 0
    for each in rounds[:size]:
        items += [_output(call) for call in waiting]
        items += [{"type": "message", "role": "user", "content": text} for text in each.says]
        if each.system is not None:
            items.append({"type": "message", "role": "developer", "content": each.system})
        end = len(items)
        items += _items(each)
        waiting = each.calls
    nested = {"type": "function", "name": "look", "parameters": {}, "strict": False}
    tools: list[Any] = [
        {"type": "namespace", "name": "eyes", "description": "To see.", "tools": [nested]},
        {"type": "function", "name": "write.file", "parameters": {}, "strict": False},
        {"type": "custom", "name": "apply_patch"},
        {"type": "web_search"},
    ]
    return {"model": "m", "instructions": "Be kind.", "tools": tools, "input": items[:end]}


def _items(each: Round) -> Iterator[Any]:
    if each.thought is not None:
        summary = [{"type": "summary_text", "text": each.thought}]
        yield {"type": "reasoning", "id": "rs", "summary": summary, "encrypted_content": "e"}
    if each.text is not None:
        yield {"type": "message", "role": "assistant", "content": each.text}
    for call in each.calls:
        known = {"call_id": call.id, "name": call.tool}
        if call.tool == "apply_patch":
            yield {"type": "custom_tool_call", **known, "input": call.argument}
            continue
        namespace = {"namespace": "eyes"} if call.tool == "look" else {}
        arguments = json.dumps({"a": call.argument})
        yield {"type": "function_call", **known, **namespace, "arguments": arguments}


def _output(call: Call) -> Any:
    custom = call.tool == "apply_patch"
    kind = "custom_tool_call_output" if custom else "function_call_output"
    output: list[Any] = [{"type": "input_text", "text": call.result}]
    if call.image:
        output.append({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"})
    return {"type": kind, "call_id": call.id, "output": output}


CLIENTS = {"messages": messages, "responses": responses, "chat": chat}

# The property -------------------------------------------------------------------------------------


def sent(document: Any, client: str, upstream: str, wanted: Traits) -> dict[str, Any]:
    request = APIS[client].decode(document)
    body, _ = APIS[upstream].encode(fit(request, upstream, wanted, "up").request, "model")
    return body


@pytest.mark.parametrize(("client", "upstream"), list(product(CLIENTS, LISTS)))
@few
@given(rounds=conversations(), wanted=traits)
def test_the_next_request_begins_as_the_last_one_did(
    client: str, upstream: str, rounds: list[Round], wanted: Traits
) -> None:
    bodies = [
        sent(CLIENTS[client](rounds, size + 1), client, upstream, wanted)
        for size in range(len(rounds))
    ]
    for before, after in pairwise(bodies):
        name = LISTS[upstream]
        assert orjson.dumps(after[name]).startswith(orjson.dumps(before[name])[:-1])
        assert orjson.dumps({**after, name: []}) == orjson.dumps({**before, name: []})
