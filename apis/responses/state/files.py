"""`/v1/files`: files that a client gives once and names afterwards.

Source of the shapes: `FileObject`, `FileCreateParams` and `FileDeleted` of the openai SDK.
"""

from __future__ import annotations

from dataclasses import replace

from ....core.canon.errors import InvalidRequest, NotFound, NotSupported, TooLarge
from ....core.contract import files
from ....core.contract.api import Document
from ....core.contract.files import File
from ....core.contract.state import Asking
from . import form
from .paging import DIGITS, paged

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
MOST = 10_000  # files in one page
NAME = 255  # characters
SHORTEST = 3_600  # seconds that a file is kept


async def create(asking: Asking) -> Document:
    if not asking.records.keeps:
        raise NotSupported("files cannot be kept: name a `store` in this stack's distribution")
    fields = form.parse(asking.body, asking.content_type)
    given = fields.get("file")
    if given is None or given.filename is None:
        raise InvalidRequest("file: must be a file, in a field of this name", param="file")
    data = bytes(given.data)
    if len(data) > asking.max_file:
        raise TooLarge(
            f"file: has {len(data)} bytes, and {asking.max_file} are the most that are kept "
            "(store.max_file)",
            param="file",
        )
    name = given.filename[-NAME:] or "file"
    file = File(
        f"file-{asking.now:08x}{asking.token[:24]}",  # so that their order is that of their age
        name,
        files.media_type(data, name, given.media_type),
        len(data),
        asking.now,
        _purpose(fields),
        asking.now + _lifetime(fields, asking),
    )
    lifetime = file.expires - asking.now
    kept = [replace(record, lifetime=lifetime) for record in files.records(file, data)]
    await asking.records.put(*kept)
    return _shown(file)


async def retrieve(asking: Asking) -> Document:
    return _shown(await _found(asking))


async def content(asking: Asking) -> bytes:
    file = await _found(asking)
    data = await files.content(asking.records, file.id)
    if data is None:
        raise _gone(file.id)
    return files.decoded(data)


async def delete(asking: Asking) -> Document:
    id = asking.items[0]
    if not await files.forget(asking.records, id):
        raise _gone(id)
    return {"id": id, "object": "file", "deleted": True}


async def listing(asking: Asking) -> Document:
    purpose = asking.query.get("purpose")
    found = await files.listed(asking.records)
    shown = [_shown(file) for file in found if purpose in (None, file.purpose)]
    return paged(shown, asking.query, MOST, MOST)


async def _found(asking: Asking) -> File:
    id = asking.items[0]
    if (file := await files.find(asking.records, id)) is None:
        raise _gone(id)
    return file


def _gone(id: str) -> NotFound:
    return NotFound(f"no file {id!r} is kept here", param="file_id")


def _purpose(fields: dict[str, form.Field]) -> str:
    purpose = fields["purpose"].text if "purpose" in fields else ""
    if purpose not in PURPOSES:
        raise InvalidRequest(
            f"purpose: must be one of {', '.join(PURPOSES)}, not {purpose!r}", param="purpose"
        )
    return purpose


def _lifetime(fields: dict[str, form.Field], asking: Asking) -> int:
    """Seconds that a file is kept: as long as all else, or less where its client says so."""
    longest = int(asking.lifetime)
    if (wanted := fields.get("expires_after[seconds]")) is None:
        return longest
    text = wanted.text
    if not (text.isdecimal() and len(text) <= DIGITS and int(text) >= SHORTEST):
        at = "expires_after.seconds"
        raise InvalidRequest(f"{at}: must be at least {SHORTEST}, not {text[:32]!r}", param=at)
    return min(longest, int(text))


def _shown(file: File) -> Document:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "expires_at": file.expires,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
