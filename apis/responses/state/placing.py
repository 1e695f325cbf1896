"""Errors of a conversation, told by their places in what the client has sent of it."""

from __future__ import annotations

import re

from ....core.canon.errors import InvalidRequest
from ....core.contract.state import Opened

_PLACE = re.compile(r"input\.(\d+)")


def placed(error: InvalidRequest, opened: Opened) -> InvalidRequest:
    """The same error; what went before is counted out of its place."""
    param = error.param or ""
    found = _PLACE.match(param)
    if found is None or not opened.continues:
        return error
    place = int(found[1]) - (len(opened.document["input"]) - len(opened.held.items))
    if place >= 0:
        at = f"input.{place}"
        return _told(error, _PLACE.sub(at, error.message, 1), at + param[found.end() :])
    name = "conversation" if opened.held.history.conversation else "previous_response_id"
    return _told(error, f"{name}: cannot be gone on from: {error.message}", name)


def _told(error: InvalidRequest, message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code=error.code)
