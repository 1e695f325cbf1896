"""Calls that ask for nothing, so that a model is loaded, or let go where `keep_alive` is 0."""

from __future__ import annotations

import re

from ...core.contract.api import Context, Document, Keeping
from . import output

_AT_ONCE = re.compile(r"0+(\.0*)?[a-zµ]*")  # a duration of nothing, with a unit or without


def keeping(document: object, operation: str) -> Keeping | None:
    """None for a call that wants an answer; what is wrong with it is not looked for here."""
    match document:
        case {"model": str(model), **rest} if model and not any(
            rest.get(name) for name in _ASKING[operation]
        ):
            return Keeping(model, loaded=not _at_once(rest.get("keep_alive")))
    return None


def kept(wanted: Keeping, operation: str, context: Context) -> Document:
    done = {"done": True, "done_reason": "load" if wanted.loaded else "unload"}
    return output.head(context) | output.said(operation == "generate", "") | done


# What asks for an answer, and what is refused by name rather than passed over.
_ASKING = {
    "create": ("messages",),
    "generate": ("prompt", "images", "suffix", "template", "context", "raw"),
}


def _at_once(keep_alive: object) -> bool:
    if isinstance(keep_alive, str):
        return _AT_ONCE.fullmatch(keep_alive.strip()) is not None
    return isinstance(keep_alive, int | float) and keep_alive == 0
