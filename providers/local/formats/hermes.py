"""`<tool_call>{"name": …, "arguments": {…}}</tool_call>`, which most open models were taught."""

from __future__ import annotations

from .calls import Calls
from .objects import call_object
from .source import Source, Wait

CALL, CALL_END = "<tool_call>", "</tool_call>"


def hermes(source: Source, calls: Calls) -> Wait[None]:
    yield from call_object(source, calls)
    yield from source.close(CALL_END)
