"""What turns hold, as the upstream can be shown it: media, results, objects of one protocol only.

What cannot be shown leaves words in its place, such as `[audio omitted]`, so that no turn becomes
empty and the model knows that something was there. A failed result begins with `Error: ` where
the protocol has no mark for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from ....core.canon import ir
from .case import Case, place, with_content, with_parts

OMITTED = "[{} omitted]"
ERROR = "Error: "

Shown: TypeAlias = ir.Text | ir.Media | ir.Opaque

# How each protocol takes each kind of medium.
FORMS: dict[str, dict[ir.MediaKind, frozenset[str]]] = {
    "chat": {
        "image": frozenset({"data", "url"}),
        "audio": frozenset({"data"}),
        "document": frozenset({"data", "file_id"}),
    },
    "messages": {
        "image": frozenset({"data", "url"}),
        "document": frozenset({"data", "text", "url"}),
    },
    "responses": {
        "image": frozenset({"data", "url", "file_id"}),
        "audio": frozenset({"data"}),
        "document": frozenset({"data", "url", "file_id"}),
    },
}
IN_RESULTS = {"messages": ("image", "document"), "responses": ("image", "document")}


def shown(turns: Iterable[ir.Turn], case: Case) -> Iterator[ir.Turn]:
    """The turns with the parts that the upstream takes; empty texts are left out."""
    for turn in turns:
        if turn.name is not None and case.api != "chat":
            case.losses.dropped(f"{place(turn, 'messages')}.name", "no names of speakers here")
        yield with_parts(turn, tuple(_parts(turn.parts, case)))


def _parts(parts: Iterable[ir.Part], case: Case) -> Iterator[ir.Part]:
    for part in parts:
        match part:
            case ir.Text() | ir.Media() | ir.Opaque():
                yield from _shown(part, case)
            case ir.ToolResult():
                yield _result(part, case)
            case _:
                yield part


def _shown(part: Shown, case: Case) -> Iterator[Shown]:
    match part:
        case ir.Text():
            # Anthropic refuses texts of nothing but white space.
            if part.text.strip() if case.api == "messages" else part.text:
                yield _text(part, case)
        case ir.Media():
            yield _media(part, case)
        case ir.Opaque() if part.protocol == case.api:
            yield part
        case ir.Opaque():
            yield from _opaque(part, case)


def _text(text: ir.Text, case: Case) -> ir.Text:
    if text.logprobs:
        case.losses.dropped(f"{place(text, 'messages')}.logprobs", "of use to the client only")
        text = replace(text, logprobs=())
    return text


def _opaque(part: ir.Opaque, case: Case) -> Iterator[ir.Text]:
    at = place(part, part.type)
    match part.data:
        case {"type": "tool_reference", "tool_name": str(name)}:
            # What the client's search for tools has found; the tools themselves are all offered.
            case.losses.approximated(at, "a reference to a tool is told as its name")
            yield ir.Text(f"The tool {name} is available.", at=part.at)
        case _:
            case.losses.dropped(at, f"{part.type} is an object of {part.protocol} only")


# Media -------------------------------------------------------------------------------------------


def _media(media: ir.Media, case: Case) -> ir.Media | ir.Text:
    at = place(media, media.kind)
    if media.kind == "document" and media.text is not None and case.api != "messages":
        case.losses.approximated(at, "a document of text is sent as text")
        words = f"{media.name}:\n{media.text}" if media.name else media.text
        return ir.Text(words, at=media.at)
    why = _objection(media, case)
    if why is not None:
        case.losses.dropped(at, why)
        return ir.Text(OMITTED.format(media.kind), at=media.at)
    return media


def _objection(media: ir.Media, case: Case) -> str | None:
    """Why the upstream cannot be shown it; None where it can."""
    forms = FORMS[case.api].get(media.kind)
    if forms is None:
        return f"the upstream takes no {media.kind}"
    form = _form(media)
    if form not in forms:
        return f"the upstream takes no {media.kind} by {form}"
    if form == "data" and media.media_type is None and case.api == "messages":
        return "its media type is not told"
    return None


def _form(media: ir.Media) -> str:
    return next(
        (form for form in ("file_id", "url", "text") if getattr(media, form) is not None), "data"
    )


# Results -----------------------------------------------------------------------------------------


def _result(result: ir.ToolResult, case: Case) -> ir.ToolResult:
    content = tuple(each for part in result.content for each in _shown(part, case))
    if case.api in IN_RESULTS:
        content = tuple(_in_result(part, case) for part in content)
    if result.is_error and case.api != "messages":
        at = f"{place(result, 'messages')}.is_error"
        case.losses.approximated(at, f"told as the word {ERROR.strip()!r} in front of the result")
        return replace(result, content=_blamed(content), is_error=False)
    return with_content(result, content)


def _in_result(part: Shown, case: Case) -> Shown:
    if isinstance(part, ir.Media) and part.kind not in IN_RESULTS[case.api]:
        case.losses.dropped(place(part, part.kind), f"no result of a tool holds {part.kind} here")
        return ir.Text(OMITTED.format(part.kind), at=part.at)
    return part


def _blamed(content: tuple[Shown, ...]) -> tuple[Shown, ...]:
    match content:
        case (ir.Text() as first, *rest):
            return (replace(first, text=ERROR + first.text), *rest)
        case _:
            return (ir.Text(ERROR.strip()), *content)


def with_media_behind(turns: Iterable[ir.Turn], case: Case) -> Iterator[ir.Turn]:
    """For Chat servers whose results are text: what else they hold follows, told by the user."""
    names: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":
            names |= {part.id: part.name for part in turn.parts if isinstance(part, ir.ToolCall)}
            yield turn
            continue
        results = tuple(part for part in turn.parts if isinstance(part, ir.ToolResult))
        behind = [part for result in results for part in _behind(result, names, case)]
        if not behind:
            yield turn
            continue
        rest = tuple(part for part in turn.parts if not isinstance(part, ir.ToolResult))
        told = tuple(_with_text_only(result) for result in results)
        yield with_parts(turn, told)
        yield ir.Turn("user", (*behind, *rest), at=behind[0].at)


def _behind(result: ir.ToolResult, names: dict[str, str], case: Case) -> Iterator[ir.Part]:
    media = [part for part in result.content if isinstance(part, ir.Media)]
    if not media:
        return
    for part in media:
        why = "a result is text only here; it follows as the user's"
        case.losses.approximated(place(part, part.kind), why)
    name = names.get(result.call_id, "a tool")
    yield ir.Text(f"[from the result of {name}, call {result.call_id}]", at=media[0].at)
    yield from media


def _with_text_only(result: ir.ToolResult) -> ir.ToolResult:
    content = tuple(
        ir.Text(f"[{part.kind}: see below]", at=part.at) if isinstance(part, ir.Media) else part
        for part in result.content
    )
    return with_content(result, content)
