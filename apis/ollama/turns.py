"""The messages of a client's document as turns.

Calls and their results may come without identifiers: a call then gets one from its place in the
conversation, and a result belongs to the first call before it that is of its name and has none yet.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence

from ...core.canon import ir
from . import schema
from .vocabulary import extra, refuse

# How the base64 of an image begins, by its kind.
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk0": "image/bmp",
}
_KNOWN = ", ".join(kind.removeprefix("image/") for kind in _BEGINNINGS.values())


def turns(messages: Sequence[schema.Message]) -> Iterator[ir.Turn]:
    waiting: list[ir.ToolCall] = []
    for i, message in enumerate(messages):
        at = f"messages.{i}"
        match message.role:
            case "tool":
                yield ir.Turn("user", (_result(message, waiting, at),), at=at)
            case role:
                parts = tuple(_parts(message, at, i))
                waiting += [part for part in parts if isinstance(part, ir.ToolCall)]
                rest = extra(message, tool_name=message.tool_name)
                yield ir.Turn(role, parts, extra=rest, at=at)


def _parts(message: schema.Message, at: str, position: int) -> Iterator[ir.Part]:
    if message.thinking is not None:
        yield ir.Reasoning(message.thinking, at=f"{at}.thinking")
    calls = message.tool_calls or ()
    if message.content or (message.content is not None and not calls and not message.thinking):
        yield ir.Text(message.content, at=f"{at}.content")
    yield from images(message.images, f"{at}.images")
    for i, call in enumerate(calls):
        yield _call(call, f"{at}.tool_calls.{i}", f"call_{position}_{i}")


def images(found: Sequence[str] | None, at: str) -> Iterator[ir.Media]:
    for i, image in enumerate(found or ()):
        yield ir.Media("image", _media_type(image, f"{at}.{i}"), image, at=f"{at}.{i}")


def _media_type(image: str, at: str) -> str:
    """What an image is by its own first bytes: other protocols have to be told."""
    kind = next((kind for start, kind in _BEGINNINGS.items() if image.startswith(start)), None)
    if kind is None:
        refuse(at, f"no image that is known here; send {_KNOWN} as base64 alone, not as a URL")
    try:
        b64decode(image, validate=True)
    except ValueError:
        refuse(at, "its base64 is broken; send the image's bytes in standard base64, whole")
    return kind


def _call(call: schema.ToolCall, at: str, id: str) -> ir.ToolCall:
    function = call.function
    arguments = json.dumps(function.arguments, ensure_ascii=False)
    rest = extra(call, function=function.model_extra or None, _no_id=call.id is None or None)
    return ir.ToolCall(call.id or id, function.name, arguments, extra=rest, at=at)


def _result(message: schema.Message, waiting: list[ir.ToolCall], at: str) -> ir.ToolResult:
    for field in ("thinking", "tool_calls"):
        if getattr(message, field):
            refuse(f"{at}.{field}", "a tool's answer has none")
    call = _answered(message, waiting)
    if call is not None:
        waiting.remove(call)
    elif message.tool_call_id is None:
        refuse(f"{at}.tool_name", f"no call of {message.tool_name!r} waits for an answer here")
    content: list[ir.Text | ir.Media | ir.Opaque] = [
        ir.Text(message.content or "", at=f"{at}.content"),
        *images(message.images, f"{at}.images"),
    ]
    rest = extra(
        message,
        _tool_name=message.tool_name,
        _no_id=message.tool_call_id is None or None,
    )
    id = message.tool_call_id or (call.id if call is not None else "")
    return ir.ToolResult(id, tuple(content), extra=rest, at=at)


def _answered(message: schema.Message, waiting: Sequence[ir.ToolCall]) -> ir.ToolCall | None:
    if message.tool_call_id is not None:
        return next((call for call in waiting if call.id == message.tool_call_id), None)
    named = (call for call in waiting if message.tool_name in (None, call.name))
    return next(named, None)
