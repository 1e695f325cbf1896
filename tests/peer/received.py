"""One request as it came over the socket, read by a parser that changes nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Received:
    """`headers` are the names and the values in the order and the case that they came in."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; two of one name are a mistake that no test expects."""
        values = [value for known, value in self.headers if known.lower() == name]
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}

    @property
    def document(self) -> Any:
        return json.loads(self.body)


async def receive(reader: asyncio.StreamReader) -> Received | None:
    """The next request of a connection; None where the client has closed it between two."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    line, *fields = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = line.split(" ")
    headers = tuple(_header(field) for field in fields)
    path, _, query = target.partition("?")
    return Received(method, path, query, headers, await _body(reader, headers))


def _header(field: str) -> tuple[str, str]:
    name, _, value = field.partition(":")
    return name, value.strip()


async def _body(reader: asyncio.StreamReader, headers: tuple[tuple[str, str], ...]) -> bytes:
    known = {name.lower(): value for name, value in headers}
    if known.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(known.get("content-length", 0)))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body
