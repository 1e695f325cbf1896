"""The schema of the Open Responses specification, and where answers here go beyond it.

The schema is the copy that llm-comply brings, of the specification's version 2026-04-24. What it
does not know, and the openai SDK does, is in `BEYOND`, each with its reason; nothing else is
excused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, reduce
from importlib.resources import files
from operator import getitem
from typing import Any, NamedTuple

import jsonschema_rs

VERSION = "2026-04-24"
TEXT = {"type": "string"}

# The fields of a response that say nothing in particular, for tests that play an upstream.
USUAL: dict[str, Any] = {
    "object": "response",
    "created_at": 1763683200,
    "completed_at": None,
    "background": False,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "model": "wire-model",
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "status": "completed",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
}


class Beyond(NamedTuple):
    """What may stand at a place of the schema besides what it says itself."""

    place: str
    allowed: dict[str, Any]
    why: str


def _types(names: str) -> dict[str, Any]:
    return {"properties": {"type": {"enum": names.split()}}, "required": ["type"]}


def _items(names: str) -> dict[str, Any]:
    return {**_types(names), "required": ["type", "id"]}


BEYOND: tuple[Beyond, ...] = (
    Beyond("ItemField", _items("custom_tool_call"), "custom tools, which Codex patches files by"),
    Beyond(
        "ItemField",
        _items("local_shell_call shell_call apply_patch_call tool_search_call"),
        "OpenAI's own tools that a client runs",
    ),
    Beyond(
        "ItemField",
        _items("mcp_list_tools mcp_call mcp_approval_request"),
        "tool servers, which answers run the tools of",
    ),
    Beyond(
        "ItemField",
        _items("web_search_call"),
        "hosted tools, which an upstream runs that speaks Responses itself",
    ),
    Beyond(
        "Tool",
        _types(
            "custom namespace local_shell shell apply_patch tool_search mcp web_search "
            "code_interpreter"
        ),
        "the tools of all those calls, echoed as the client sent them",
    ),
    Beyond(
        "ResponseResource.properties.tool_choice",
        _types("custom mcp local_shell shell apply_patch"),
        "a choice of one of those tools",
    ),
    Beyond("AllowedToolChoice.properties.tools.items", _types("custom mcp"), "the same"),
    Beyond("Tool", _types("desk"), "a tool that an executor of a plugin runs"),
    Beyond(
        "Message.properties.content.items",
        _types("output_hologram"),
        "what nobody knows yet reaches the client as it came",
    ),
    Beyond("Annotation", _types("file_citation"), "citations of files, which upstreams make"),
    Beyond(
        "JsonSchemaResponseFormat.properties.schema",
        {"type": "object"},
        "the published schema leaves no room for a schema; its own examples have one",
    ),
)


class Event(NamedTuple):
    """An event that the specification lacks, with the fields that it needs in the openai SDK."""

    type: str
    needs: str
    why: str


THINKING = "the SDK's and Codex's name of `response.reasoning`, which neither of them knows"
CUSTOM = "what is input to custom tools is arguments to functions"
SERVER = "the life of a call that runs here"

EVENTS = (
    Event("response.reasoning_text.delta", "item_id output_index content_index delta", THINKING),
    Event("response.reasoning_text.done", "item_id output_index content_index text", THINKING),
    Event("response.custom_tool_call_input.delta", "item_id output_index delta", CUSTOM),
    Event("response.custom_tool_call_input.done", "item_id output_index input", CUSTOM),
    Event("response.mcp_list_tools.in_progress", "item_id output_index", SERVER),
    Event("response.mcp_list_tools.completed", "item_id output_index", SERVER),
    Event("response.mcp_list_tools.failed", "item_id output_index", SERVER),
    Event("response.mcp_call.in_progress", "item_id output_index", SERVER),
    Event("response.mcp_call.completed", "item_id output_index", SERVER),
    Event("response.mcp_call.failed", "item_id output_index", SERVER),
    Event("response.mcp_call_arguments.delta", "item_id output_index delta", SERVER),
    Event("response.mcp_call_arguments.done", "item_id output_index arguments", SERVER),
    Event("response.steer.failed", "error steer", "over a WebSocket a client may ask to steer"),
)


@cache
def _schemas() -> dict[str, Any]:
    text = files("llm_comply").joinpath("specs/openresponses.json").read_text()
    specification = json.loads(text)
    assert specification["info"]["version"] == VERSION
    schemas: dict[str, Any] = specification["components"]["schemas"]
    for beyond in BEYOND:
        *path, last = beyond.place.split(".")
        holder = reduce(getitem, path, schemas)
        holder[last] = {"anyOf": [holder[last], beyond.allowed]}
    return schemas | {event.type: _schema(event) for event in EVENTS}


def _schema(event: Event) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0}
    return {
        "properties": {"sequence_number": number, "output_index": number, "item_id": TEXT},
        "required": ["sequence_number", *event.needs.split()],
    }


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    reference = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}}
    return jsonschema_rs.Draft202012Validator(reference)


@cache
def _events() -> dict[str, str]:
    """The names of the schemas of events, by the type of the event."""
    known = {
        schema["properties"]["type"]["enum"][0]: name
        for name, schema in _schemas().items()
        if name.endswith("StreamingEvent")
    }
    return known | {event.type: event.type for event in EVENTS}


def wrong(document: Any) -> Iterator[str]:
    """What the specification says against a response or an event; nothing of other documents."""
    name = _name(document)
    if name == "":
        return
    if name is None:
        yield f"{document['type']}: no such event"
        return
    for error in _validator(name).iter_errors(document):
        yield f"{name}.{_told(error)}"


def _name(document: Any) -> str | None:
    """The schema that a document must follow; empty for one that is none of the protocol's."""
    match document:
        case {"object": "response", "deleted": True}:
            return ""
        case {"object": "response"}:
            return "ResponseResource"
        case {"object": "response.compaction"}:
            return "CompactResource"
        case {"type": "error", "status": int()}:
            return "WebSocketErrorEvent"
        case {"type": "error", "sequence_number": int()}:
            return _events()["error"]
        case {"type": str(kind)} if kind.startswith("response."):
            return _events().get(kind)
    return ""


def _told(error: jsonschema_rs.ValidationError) -> str:
    """The error; of alternatives, what is wrong with the one that a `type` names."""
    for branch in getattr(error.kind, "context", ()):
        if not any(each.instance_path[-1:] == ["type"] for each in branch):
            return _told(branch[0])
    return f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}"
