"""The items of a conversation as they are kept: each with an id, and content as a list of parts.

Source of the shapes: `ResponseItem` and `ConversationItem` of the openai SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....core.contract.api import Document
from ...validation import validate
from .. import schema

PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "compaction": "cmp",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
}
_STATUS = frozenset(["message", "function_call", "function_call_output"])


def listed(given: object) -> list[Document]:
    """A request's input as items; raises `InvalidRequest` for what is none."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if isinstance(given, list) and all(isinstance(item, dict) for item in given):
        return given
    validate(schema.Create, {"input": given})  # which takes no other one but None
    return []


def kept(items: Sequence[Document], token: str) -> list[Document]:
    """The items as they are kept and shown; the ones without an id get one."""
    return [_kept(item, f"{token}_i{place}") for place, item in enumerate(items)]


def _kept(item: Document, name: str) -> Document:
    kind = item.get("type") or "message"
    found: Document = {"id": f"{PREFIXES.get(kind, 'item')}_{name}", "type": kind}
    if kind in _STATUS:
        found["status"] = "completed"
    found |= {key: value for key, value in item.items() if value is not None}
    if kind == "message":
        found["content"] = _content(item.get("content"), item.get("role"))
    return found


def _content(content: Any, role: object) -> Any:
    if not isinstance(content, str):
        return content
    if role == "assistant":
        return [{"type": "output_text", "text": content, "annotations": []}]
    return [{"type": "input_text", "text": content}]


def is_reference(item: Document) -> bool:
    """Whether an item only names another one; its type may be left out."""
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and item.keys() <= {"id", "type"})
