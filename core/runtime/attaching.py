"""Files in a request that are only named there, put in their places as far as they are kept here.

An image goes in as it is, a text and a PDF as their text. In an upstream's own protocol a name that
is not known here may be one of the upstream's; in a translated request it means nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..canon import ir
from ..canon.errors import InvalidRequest
from ..contract import files
from ..contract.files import PDF, PLAIN, File
from ..contract.losses import Ledger
from ..contract.state import Records

MARK = b"file_id"


def named(request: ir.Request) -> list[ir.Media]:
    """The parts that are no more than the names of files, those of tools' answers included."""
    parts = (part for turn in request.turns for part in turn.parts)
    return [p for p in _leaves(parts) if isinstance(p, ir.Media) and p.file_id is not None]


def _leaves(parts: Iterator[ir.Part]) -> Iterator[ir.Part]:
    for part in parts:
        yield from part.content if isinstance(part, ir.ToolResult) else (part,)


async def any_kept(request: ir.Request, kept: Records) -> bool:
    """Whether a request names a file that is kept here."""
    ids = {part.file_id or "" for part in named(request)}
    return any([await files.find(kept, id) is not None for id in ids])


async def attached(
    request: ir.Request, kept: Records, losses: Ledger, translated: bool
) -> ir.Request:
    """The request with its files in it; raises `InvalidRequest` for one that cannot be."""
    found: dict[str, ir.Media] = {}
    if not (parts := named(request)):
        return request
    for part in parts:
        file = await files.find(kept, part.file_id or "")
        if file is not None:
            found[_key(part)] = await _filled(part, file, kept, losses)
        elif translated:
            raise _unknown(part, kept)
    return replace(request, turns=tuple(_turn(turn, found) for turn in request.turns))


def _key(part: ir.Media) -> str:
    return f"{part.kind} {part.file_id} {part.at}"


def _turn(turn: ir.Turn, found: dict[str, ir.Media]) -> ir.Turn:
    return replace(turn, parts=tuple(_part(part, found) for part in turn.parts))


def _part(part: ir.Part, found: dict[str, ir.Media]) -> ir.Part:
    match part:
        case ir.Media():
            return found.get(_key(part), part)
        case ir.ToolResult(content=content):
            inner = (found.get(_key(p), p) if isinstance(p, ir.Media) else p for p in content)
            return replace(part, content=tuple(inner))
        case _:
            return part


def _unknown(part: ir.Media, kept: Records) -> InvalidRequest:
    why = "is not kept here" if kept.keeps else "cannot be read, since this stack has no store"
    return InvalidRequest(
        f"{part.at}: file {part.file_id!r} {why}; send the content inline, as base64",
        param=part.at,
    )


# What a file is to a model -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    """A file at its place in a request."""

    part: ir.Media
    file: File
    content: str

    def wrong(self, why: str) -> InvalidRequest:
        at = self.part.at
        return InvalidRequest(f"{at}: file {self.part.file_id!r} {why}", param=at)


async def _filled(part: ir.Media, file: File, kept: Records, losses: Ledger) -> ir.Media:
    content = await files.content(kept, file.id)
    if content is None:
        raise _unknown(part, kept)
    held = _Held(part, file, content)
    bare = replace(part, file_id=None, name=part.name or file.name)
    if file.media_type.startswith("image/"):
        return replace(bare, kind="image", media_type=file.media_type, data=content)
    if part.kind == "image":
        raise held.wrong(f"is no image but of type {file.media_type}; send an image")
    if file.media_type == PDF:
        losses.approximated(part.at or "document", "of a PDF, only its text is told")
        return replace(bare, media_type=PLAIN, text=await asyncio.to_thread(_pdf_text, held))
    if (text := _text(held)) is not None:
        return replace(bare, media_type=PLAIN, text=text)
    return replace(bare, media_type=file.media_type, data=content)


def _text(held: _Held) -> str | None:
    """The text of a file, or None for one that is none."""
    data = files.decoded(held.content)
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _pdf_text(held: _Held) -> str:
    from . import pdf

    try:
        return pdf.text(files.decoded(held.content))
    except pdf.Unreadable as error:
        raise held.wrong(str(error)) from error
