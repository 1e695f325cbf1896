"""Small conversations that a template is rendered with to find out what it takes."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def calling(*names: str, suffix: str = "") -> Message:
    calls = [
        {
            "id": _call_id(name) + suffix,
            "type": "function",
            "function": {"name": name, "arguments": {"x": 1}},
        }
        for name in names
    ]
    return {**message("assistant", ""), "tool_calls": calls}


def result(name: str) -> Message:
    return {**message("tool", "y"), "tool_call_id": _call_id(name)}


def _call_id(name: str) -> str:
    return f"call{name}"
