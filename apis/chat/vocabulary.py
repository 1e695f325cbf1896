"""The words of this protocol, and what a canonical node carries for this protocol alone.

`extra["chat"]` holds unknown fields. Keys that begin with an underscore remember in which of two
equal spellings the client wrote something, and are no field of the wire:

* `_limit`: `max_tokens` or `max_completion_tokens`
* `_field`: the field of a message that a part came from, where it is not the usual one
* `_both`: the same thought came as `reasoning_content` and as `reasoning`
* `_object`: reasoning was asked for by the object `reasoning`; `_effort`: its effort stood
  `beside` it, as `reasoning_effort`, or in `both`
* `_format`: a custom tool said that its input is plain text
* `_modalities`: they were asked for, and are text only
* `_written`: the fields that asked for the form of the answer, where they are other servers'
* `_legacy`: it came as one of `functions`, `function_call` or the role `function`
"""

from __future__ import annotations

from ...core.canon import ir
from ..extras import Extras
from ..extras import given as given
from ..extras import refuse as refuse

NAME = "chat"

_extras = Extras(NAME)
extra, own, remembered = _extras.extra, _extras.own, _extras.remembered

FINISH: dict[ir.StopReason, str] = {
    "end": "stop",
    "stop_sequence": "stop",
    "tool_call": "tool_calls",
    "length": "length",
    "context": "length",
    "filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
}
REASONS: dict[str, ir.StopReason] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "filter",
    # Other servers' words for the same.
    "eos": "end",
    "eos_token": "end",
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_length": "context",
    "sensitive": "filter",
}


def legacy(request: ir.Request) -> bool:
    """Whether the client offers `functions`, and so waits for a `function_call`."""
    return any(remembered(tool, "_legacy") for tool in request.tools)


def call_name(name: str, namespace: str | None) -> str:
    """A namespaced function as this protocol can name it."""
    return name if namespace is None else f"{namespace}__{name}"
