"""The words of this protocol, and what a canonical node carries for this protocol alone.

`extra["ollama"]` holds unknown fields. Keys that begin with an underscore remember how the client
wrote something, and are no field of the wire:

* `_generate`: it was asked by `/api/generate`, with one prompt and no messages
* `_load`: options that say how a model is loaded, and nothing about an answer
* `_no_id`: a call or a result came without an identifier
* `_tool_name`: the name that a result came with
* `_think`: reasoning was asked for as `true`, and not by its effort
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NoReturn

from pydantic import BaseModel

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest

NAME = "ollama"

FINISH: dict[ir.StopReason, str] = {
    "end": "stop",
    "stop_sequence": "stop",
    "tool_call": "stop",
    "length": "length",
    "context": "length",
    "filter": "stop",
    "refusal": "stop",
    "pause": "stop",
}
UNSAID = frozenset({"filter", "refusal", "pause"})  # reasons that look like an ordinary end
REASONS: dict[str, ir.StopReason] = {"stop": "end", "length": "length"}

# An option of `options`, and the field of `ir.Sampling` that it is.
OPTIONS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
# How a model is loaded and run: no answer is another for it.
LOADING = frozenset(
    "numa num_batch num_gpu main_gpu low_vram use_mmap use_mlock num_thread f16_kv".split()
)


def refuse(param: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{param}: {problem}", param=param)


def extra(wire: BaseModel | None, **remembered: object) -> ir.Extra | None:
    """The fields that the schema does not know, and what is to be remembered; None if nothing."""
    fields: dict[str, Any] = dict((wire.model_extra if wire else None) or {})
    fields |= {key: value for key, value in remembered.items() if value is not None}
    return {NAME: fields} if fields else None


def own(node: ir.Node) -> dict[str, Any]:
    """The node's fields that go back onto this wire."""
    return {key: value for key, value in _fields(node).items() if not key.startswith("_")}


def remembered(node: ir.Node, key: str) -> Any:
    return _fields(node).get(key)


def given(**fields: object) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def written(created: int) -> str:
    """Seconds since 1970 as this protocol writes a time."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(node: ir.Node) -> dict[str, Any]:
    return dict((node.extra or {}).get(NAME, {}))
