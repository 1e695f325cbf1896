"""Files that a client gave once and names afterwards, as they are kept among its records.

Whoever takes files in writes them with `records`; whoever needs what is in one reads it with
`find` and `content`. A file's name and type are in one record, its bytes in another, so that a list
of files reads no content.
"""

from __future__ import annotations

import mimetypes
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass

from .state import Record, Records

FILE, CONTENT = "file", "file_content"
PLAIN, PDF, UNKNOWN = "text/plain", "application/pdf", "application/octet-stream"

# What files of a type begin with; a client's word for the type is often a guess by the name.
_BEGINNINGS = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


@dataclass(frozen=True, slots=True)
class File:
    """`created` and `expires` are in whole seconds since 1970, `size` is in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    created: int
    purpose: str
    expires: int


def media_type(data: bytes, name: str, said: str | None) -> str:
    """What a file is: by its first bytes, else as its client says, else by its name."""
    for beginning, found in _BEGINNINGS.items():
        if data.startswith(beginning):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    said = (said or UNKNOWN).partition(";")[0].strip().lower()
    return said if said != UNKNOWN else mimetypes.guess_type(name)[0] or UNKNOWN


def records(file: File, data: bytes) -> tuple[Record, Record]:
    content = {"data": b64encode(data).decode()}
    return Record(FILE, file.id, asdict(file)), Record(CONTENT, file.id, content)


async def find(kept: Records, id: str) -> File | None:
    found = await kept.get(FILE, id)
    return None if found is None else File(**found)


async def content(kept: Records, id: str) -> str | None:
    """A file's bytes as base64."""
    found = await kept.get(CONTENT, id)
    return None if found is None else str(found["data"])


async def listed(kept: Records) -> list[File]:
    """All files, the oldest first where their ids are so ordered."""
    found: list[File] = []
    more, after = True, ""
    while more:
        page, more = await kept.list(FILE, "", after, 500)
        found += [File(**record.document) for record in page]
        after = found[-1].id if found else ""
    return found


async def forget(kept: Records, id: str) -> bool:
    await kept.delete(CONTENT, id)
    return await kept.delete(FILE, id)


def decoded(content: str) -> bytes:
    return b64decode(content)
