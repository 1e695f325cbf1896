"""The words of this protocol, and what a canonical node carries for this protocol alone.

`extra["ollama"]` holds unknown fields. Keys that begin with an underscore remember how the client
wrote something, and are no field of the wire:

* `_generate`: it was asked by `/api/generate`, with one prompt and no messages
* `_legacy`: it was asked by `/api/embeddings`, whose answer is one vector
* `_load`: options that say how a model is loaded, and nothing about an answer
* `_no_id`: a call or a result came without an identifier
* `_tool_name`: the name that a result came with
"""

from __future__ import annotations

from datetime import UTC, datetime

from ...core.canon import ir
from ..extras import Extras
from ..extras import given as given
from ..extras import refuse as refuse

NAME = "ollama"

_extras = Extras(NAME)
extra, own, remembered = _extras.extra, _extras.own, _extras.remembered

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

EFFORTS = ("low", "medium", "high", "max")

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


def written(created: int) -> str:
    """Seconds since 1970 as this protocol writes a time."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
