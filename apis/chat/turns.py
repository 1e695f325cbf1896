"""The messages of a client's document as turns.

A message is a turn; a tool's answer is a user's turn that holds one `ToolResult`. Deprecated
function calls have no identifiers: a call gets one from its place in the conversation, and the
answer of a function belongs to the last call before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.canon import ir
from . import details, schema
from .vocabulary import NAME, extra, refuse


def turns(messages: Sequence[schema.Message]) -> Iterator[ir.Turn]:
    last_call = None
    for i, message in enumerate(messages):
        at = f"messages.{i}"
        if message.function_call is not None:
            last_call = _call_id(i)
        match message.role:
            case "tool":
                yield ir.Turn("user", (_tool_result(message, at),), name=message.name, at=at)
            case "function":
                result = _function_result(message, last_call or _call_id(i), at)
                yield ir.Turn("user", (result,), name=message.name, at=at)
            case role:
                parts = tuple(_parts_of(message, at, _call_id(i)))
                yield ir.Turn(role, parts, name=message.name, extra=_rest(message), at=at)


def _rest(message: schema.Message) -> ir.Extra | None:
    """The fields that nothing here reads; a seal that was read is none of them."""
    fields = dict(message.model_extra or {})
    pieces = fields.get("reasoning_details")
    if isinstance(pieces, list) and details.seals(pieces):
        kept = [piece for piece in pieces if not details.seals([piece])]
        fields["reasoning_details"] = kept or None
    return extra(None, **fields)


def _call_id(position: int) -> str:
    return f"call_{position}"


def _parts_of(message: schema.Message, at: str, call_id: str) -> Iterator[ir.Part]:
    yield from _reasoning(message, at)
    yield from _content(message, f"{at}.content")
    if message.refusal is not None:
        yield ir.Refusal(message.refusal, at=f"{at}.refusal", extra=extra(None, _field="refusal"))
    for i, call in enumerate(message.tool_calls or ()):
        yield _tool_call(call, f"{at}.tool_calls.{i}")
    if (function := message.function_call) is not None:
        rest = extra(None, _legacy=True, function_call=function.model_extra or None)
        where = f"{at}.function_call"
        yield ir.ToolCall(call_id, function.name, function.arguments, extra=rest, at=where)


def _reasoning(message: schema.Message, at: str) -> Iterator[ir.Reasoning]:
    """The spellings of a thought; one that is sent in two is thought once.

    What a client was given a seal of, it gives back as the seal, which holds the text too.
    """
    pieces = (message.model_extra or {}).get("reasoning_details")
    if found := details.seals(pieces):
        for seal in found:
            yield ir.Reasoning(sealed=seal, at=f"{at}.reasoning_details")
        return
    plain, short = message.reasoning_content, message.reasoning
    if plain is not None:
        both = extra(None, _both=True) if plain == short else None
        yield ir.Reasoning(plain, extra=both, at=f"{at}.reasoning_content")
    if short is not None and short != plain:
        yield ir.Reasoning(short, extra=extra(None, _field="reasoning"), at=f"{at}.reasoning")


def _content(
    message: schema.Message, at: str
) -> Iterator[ir.Text | ir.Refusal | ir.Media | ir.Opaque]:
    content = message.content
    if not content and message.role != "assistant":
        content = ""  # none, an empty list and an empty text say the same
    if isinstance(content, str):
        yield ir.Text(content, at=at)
    for i, part in enumerate(content if isinstance(content, list) else ()):
        yield _part(part, f"{at}.{i}")


def _part(part: schema.Part, at: str) -> ir.Text | ir.Refusal | ir.Media | ir.Opaque:
    match part:
        case schema.TextPart():
            return ir.Text(part.text, extra=extra(part), at=at)
        case schema.RefusalPart():
            return ir.Refusal(part.refusal, extra=extra(part), at=at)
        case schema.ImagePart():
            return _image(part, at)
        case schema.AudioPart(input_audio=audio):
            rest = extra(part, input_audio=audio.model_extra or None)
            media_type = f"audio/{audio.format}"
            return ir.Media("audio", media_type, data=audio.data, extra=rest, at=at)
        case schema.FilePart():
            return _file(part, at)
        case schema.OtherPart():
            return ir.Opaque(NAME, part.type, part.model_dump(), at=at)


def _image(part: schema.ImagePart, at: str) -> ir.Media:
    image = part.image_url
    rest = extra(part, image_url=image.model_extra or None)
    media_type, data = data_url(image.url)
    url = image.url if data is None else None
    return ir.Media("image", media_type, data, url=url, detail=image.detail, extra=rest, at=at)


def _file(part: schema.FilePart, at: str) -> ir.Media:
    file = part.file
    if file.file_data is None and file.file_id is None:
        refuse(f"{at}.file", "give file_data (a data URL) or file_id")
    media_type, data = data_url(file.file_data or "")
    if file.file_data is not None and data is None:
        media_type, data = None, file.file_data  # bare base64, which some clients send
    rest = extra(part, file=file.model_extra or None)
    return ir.Media(
        "document", media_type, data, file_id=file.file_id, name=file.filename, extra=rest, at=at
    )


def data_url(url: str) -> tuple[str | None, str | None]:
    """Media type and base64 of a data URL; two times None for any other URL."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None, None
    return head.removeprefix("data:").removesuffix(";base64") or None, data


# Calls and their answers -------------------------------------------------------------------------


def _tool_call(call: schema.ToolCall | schema.OtherCall, at: str) -> ir.ToolCall | ir.Opaque:
    if isinstance(call, schema.OtherCall):
        place = extra(None, _field="tool_calls")
        return ir.Opaque(NAME, call.type, call.model_dump(), extra=place, at=at)
    if call.custom is not None:
        rest = extra(call, custom=call.custom.model_extra or None)
        name, text = call.custom.name, call.custom.input
        return ir.ToolCall(call.id, name, text, "custom", extra=rest, at=at)
    if call.function is None:
        refuse(f"{at}.function", "field required")
    rest = extra(call, function=call.function.model_extra or None)
    return ir.ToolCall(call.id, call.function.name, call.function.arguments, extra=rest, at=at)


def _tool_result(message: schema.Message, at: str) -> ir.ToolResult:
    if message.tool_call_id is None:
        refuse(f"{at}.tool_call_id", "field required")
    return ir.ToolResult(message.tool_call_id, _answer(message, at), extra=extra(message), at=at)


def _function_result(message: schema.Message, call_id: str, at: str) -> ir.ToolResult:
    if message.name is None:
        refuse(f"{at}.name", "field required")
    return ir.ToolResult(call_id, _answer(message, at), extra=extra(message, _legacy=True), at=at)


def _answer(message: schema.Message, at: str) -> tuple[ir.Text | ir.Media | ir.Opaque, ...]:
    content = []
    for part in _content(message, f"{at}.content"):
        if isinstance(part, ir.Refusal):
            refuse(part.at or at, "a refusal cannot stand in a tool's answer; use text")
        content.append(part)
    return tuple(content)
