"""Whatever a Messages client may ask comes back from its canonical form as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import json_objects, json_values, texts, words

from polystack.apis.messages.api import Messages
from polystack.core.contract.losses import Ledger

API = Messages()
cached = st.fixed_dictionaries({}, optional={"cache_control": st.just({"type": "ephemeral"})})


def block(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = st.fixed_dictionaries({"type": st.just(kind), **fields})
    return st.builds(lambda own, more: own | more, known, cached)


text_blocks = block("text", text=texts)
sources = (
    block("base64", media_type=st.just("image/png"), data=words)
    | block("url", url=words)
    | block("file", file_id=words)
    | block("tomorrow", place=words)
)
plain_sources = block("text", media_type=st.just("text/plain"), data=texts)
chunked = block("content", content=texts | st.lists(text_blocks, max_size=2))
media_blocks = block("image", source=sources) | block(
    "document", source=sources | plain_sources | chunked, title=st.none() | words
)
result_blocks = block(
    "tool_result",
    tool_use_id=words,
    content=st.none() | texts | st.lists(text_blocks | media_blocks, max_size=2),
    is_error=st.none() | st.booleans(),
)
blocks = (
    text_blocks
    | media_blocks
    | result_blocks
    | block("thinking", thinking=texts, signature=st.sampled_from(["", "c2ln"]))
    | block("redacted_thinking", data=words)
    | block("tool_use", id=words, name=words, input=json_objects)
    | block("server_tool_use", id=words, name=words, input=json_objects)
    | block("tomorrow", anything=json_values)
)
messages = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": texts | st.lists(blocks, max_size=3),
    }
)
documents = st.fixed_dictionaries(
    {
        "model": words,
        "max_tokens": st.integers(0, 100),
        "messages": st.lists(messages, min_size=1, max_size=3),
    },
    optional={
        "system": texts | st.lists(text_blocks, max_size=2),
        "stream": st.none() | st.booleans(),
        "temperature": st.none() | st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 50),
        "stop_sequences": st.lists(words, max_size=2),
        "tools": st.lists(
            block("custom", name=words, input_schema=json_objects)
            | block("web_search_20250305", name=words)
            | block("toolset_of_tomorrow"),
            max_size=2,
            unique_by=lambda tool: tool.get("name", tool["type"]),
        ),
        "tool_choice": st.fixed_dictionaries(
            {"type": st.sampled_from(["auto", "none"])},
            optional={"disable_parallel_tool_use": st.booleans()},
        ),
        "thinking": st.sampled_from(["adaptive", "disabled", "between_tools"]).flatmap(block)
        | block("enabled", budget_tokens=st.integers(1, 9)),
        "output_config": st.fixed_dictionaries(
            {},
            optional={
                "effort": st.none() | words,
                "format": block("json_schema", schema=json_objects) | block("tomorrow", x=words),
                "task_budget": json_values,
            },
        ),
        "metadata": st.fixed_dictionaries({}, optional={"user_id": words, "other": words}),
        "context_management": json_objects,
        "tomorrow": json_values,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(documents)
def test_a_request_is_the_same_after_a_way_out_and_back(document: dict[str, Any]) -> None:
    request = API.decode(document)
    body, losses = API.encode(request, document["model"])
    assert API.decode(body) == request
    assert list(losses) == []


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(documents)
def test_the_body_for_an_upstream_is_in_normal_form_at_once(document: dict[str, Any]) -> None:
    body, _ = API.encode(API.decode(document), "m")
    assert API.encode(API.decode(body), "m") == (body, Ledger())
