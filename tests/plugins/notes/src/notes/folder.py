"""Keeps records as files of a folder, where they outlive the process."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, Field

from polystack.core.contract.hookspecs import hookimpl
from polystack.core.contract.store import Key, Page, Store, Write

T = TypeVar("T")


class FolderConfig(BaseModel, extra="forbid"):
    path: Path
    max_records: int = Field(default=1000, ge=1)


class Folder(Store):
    """A file begins with a line that says when its record expires; the record follows.

    Calls take turns, in all processes. What is to be written is first in a file `journal`, so that
    whoever comes next can finish what one that was killed had begun.
    """

    type = "folder"
    Config = FolderConfig
    config: FolderConfig

    async def get(self, key: Key) -> bytes | None:
        return await self._alone(lambda: _read(self._file(key)))

    async def put_all(self, writes: Sequence[Write]) -> None:
        await self._alone(lambda: self._keep(writes))

    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        def swapped() -> bool:
            if found := _read(self._file(key)) == expected:
                self._keep([Write(key, record, expires)])
            return found

        return await self._alone(swapped)

    async def delete(self, key: Key) -> bool:
        return await self._alone(lambda: _deleted(self._file(key)))

    async def delete_all(self, tenant: str, kind: str, prefix: str = "") -> int:
        place = self._place(tenant, kind)

        def deleted() -> int:
            return sum(_deleted(place / _name(id)) for id in _ids(place) if id.startswith(prefix))

        return await self._alone(deleted)

    async def list(
        self,
        tenant: str,
        kind: str,
        after: str = "",
        limit: int = 100,
        *,
        prefix: str = "",
        backwards: bool = False,
    ) -> Page:
        place = self._place(tenant, kind)

        def page() -> Page:
            ids = sorted((id for id in _ids(place) if id.startswith(prefix)), reverse=backwards)
            wanted = [id for id in ids if not after or (id < after if backwards else id > after)]
            read = ((id, _read(place / _name(id))) for id in wanted)
            found = [(id, record) for id, record in read if record is not None]
            return Page(found[:limit], more=len(found) > limit)

        return await self._alone(page)

    async def _alone(self, work: Callable[[], T]) -> T:
        def alone() -> T:
            with self._turn():
                return work()

        return await asyncio.to_thread(alone)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self.config.path.mkdir(parents=True, exist_ok=True)
        with (self.config.path / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            self._finish()
            yield

    def _keep(self, writes: Sequence[Write]) -> None:
        files = [(str(self._file(write.key)), _content(write)) for write in writes]
        _write(self._journal, json.dumps(files).encode())
        self._finish()
        kept = sorted(self.config.path.glob("*/*/=*"), key=lambda each: each.stat().st_mtime_ns)
        for oldest in kept[: -self.config.max_records]:
            oldest.unlink()

    def _finish(self) -> None:
        if self._journal.exists():
            for name, content in json.loads(self._journal.read_bytes()):
                _write(Path(name), b64decode(content))
            self._journal.unlink()

    @property
    def _journal(self) -> Path:
        return self.config.path / "journal"

    def _file(self, key: Key) -> Path:
        return self._place(key.tenant, key.kind) / _name(key.id)

    def _place(self, tenant: str, kind: str) -> Path:
        return self.config.path / _name(tenant) / _name(kind)


def _content(write: Write) -> str:
    expires = "" if write.expires is None else write.expires
    return b64encode(f"{expires}\n".encode() + write.record).decode()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name("unfinished")  # which is no record's name
    unfinished.write_bytes(content)
    unfinished.replace(file)


def _read(file: Path) -> bytes | None:
    try:
        expires, _, record = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return None if expires and float(expires) <= time.time() else record


def _deleted(file: Path) -> bool:
    was_there = _read(file) is not None
    file.unlink(missing_ok=True)
    return was_there


def _ids(place: Path) -> list[str]:
    return [unquote(file.name[1:]) for file in place.glob("=*")]


def _name(text: str) -> str:
    """A name for a file that is never a path, nor one of the names with a meaning of their own."""
    return "=" + quote(text, safe="")


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Folder)
