"""Keeps records as files of a folder, where they outlive the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from pydantic import BaseModel, Field

from polystack.core.contract.hookspecs import hookimpl
from polystack.core.contract.store import Key, Page, Store


class FolderConfig(BaseModel, extra="forbid"):
    path: Path
    max_records: int = Field(default=1000, ge=1)


class Folder(Store):
    """A file begins with a line that says when its record expires; the record follows."""

    type = "folder"
    Config = FolderConfig
    config: FolderConfig

    async def start(self) -> None:
        self.config.path.mkdir(parents=True, exist_ok=True)

    async def get(self, key: Key) -> bytes | None:
        return await asyncio.to_thread(_read, self._file(key))

    async def put(self, key: Key, record: bytes, expires: float | None = None) -> None:
        await asyncio.to_thread(self._write, self._file(key), record, expires)

    async def delete(self, key: Key) -> bool:
        was_there = await self.get(key) is not None
        await asyncio.to_thread(self._file(key).unlink, missing_ok=True)
        return was_there

    async def list(self, tenant: str, kind: str, after: str = "", limit: int = 100) -> Page:
        return await asyncio.to_thread(self._page, tenant, kind, after, limit)

    def _file(self, key: Key) -> Path:
        return self._place(key.tenant, key.kind) / _name(key.id)

    def _place(self, tenant: str, kind: str) -> Path:
        return self.config.path / _name(tenant) / _name(kind)

    def _write(self, file: Path, record: bytes, expires: float | None) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(uuid4().hex)  # which is no record's name
        unfinished.write_bytes(f"{'' if expires is None else expires}\n".encode() + record)
        unfinished.replace(file)
        kept = sorted(self.config.path.glob("*/*/=*"), key=lambda each: each.stat().st_mtime_ns)
        for oldest in kept[: -self.config.max_records]:
            oldest.unlink(missing_ok=True)

    def _page(self, tenant: str, kind: str, after: str, limit: int) -> Page:
        found = list(_records(self._place(tenant, kind), after))
        return Page(found[:limit], more=len(found) > limit)


def _records(place: Path, after: str) -> Iterator[tuple[str, bytes]]:
    for id in sorted(unquote(file.name[1:]) for file in place.glob("=*")):
        if id > after and (record := _read(place / _name(id))) is not None:
            yield id, record


def _read(file: Path) -> bytes | None:
    try:
        expires, _, record = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return None if expires and float(expires) <= time.time() else record


def _name(text: str) -> str:
    """A name for a file that is never a path, nor one of the names with a meaning of their own."""
    return "=" + quote(text, safe="")


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Folder)
