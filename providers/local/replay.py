"""Earlier calls and thoughts, for templates that take less of them at once than there is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

Message = dict[str, Any]


def one_call_each(messages: Sequence[Message]) -> Iterator[Message]:
    """The same with a message for each call, and its result right behind it."""
    rest = list(messages)
    while rest:
        message = rest.pop(0)
        calls = message.get("tool_calls", ())
        if len(calls) < 2:
            yield message
            continue
        results = list(takewhile(lambda each: each["role"] == "tool", rest))
        rest = rest[len(results) :]
        for call in calls:
            own = [each for each in results if each["tool_call_id"] == call["id"]]
            results = [each for each in results if each not in own]
            yield {**message, "tool_calls": [call]}
            yield from own
            message = {"role": "assistant", "content": ""}
        yield from results


def only_thought(message: Message, field: str) -> Message:
    """The same with its text told as the last of its thoughts."""
    return {**message, field: f"{message[field]}\n\n{message['content']}", "content": ""}


def short(id: str) -> str:
    """An id of nine letters and digits, always the same for the same one."""
    return hashlib.sha256(id.encode()).hexdigest()[:9]
