"""A call's arguments, which are an object on this wire and a text everywhere else.

What no object can say stands in one as text, and is in the ledger.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger

# Writers give up at some depth, and a call is not the outermost thing that they write.
DEPTH = 200


def told(part: ir.ToolCall, text: str, at: str, losses: Ledger) -> Document:
    if part.kind == "custom":
        losses.approximated(at, "a text, which stands in an object here")
        return {"input": text}
    found = _object(text.strip() or "{}")
    if found is None:
        losses.approximated(at, "no JSON object that can be told here as it is, so told as text")
        return {"arguments": text}
    return found


def _object(text: str) -> Document | None:
    try:
        found = orjson.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or _deeper(found, DEPTH):
        return None
    # An integer of more than 64 bits has become another number.
    return found if found == json.loads(text) else None


def _deeper(value: Any, limit: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return limit == 0 or any(_deeper(each, limit - 1) for each in inner)
