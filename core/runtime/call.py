"""What comes into a Stack, and what goes out of it: the same for every face."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from ..contract.api import PREPARE, Document, Operation
from .memory import Memory

EVERYBODY = "everybody"  # the tenant where no keys tell clients apart


@dataclass(frozen=True, slots=True)
class Call:
    """What a client sent: a body as bytes or parsed, headers in lower case, the path's `{id}`.

    `items` are all parameters of the path; `tenant` is whose records the call can see. `memory` is
    what its connection remembers, if it came over one; where it is not to `generate`, its answer
    is empty.
    """

    body: bytes | Document = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    items: tuple[str, ...] = ()
    query: str = ""
    tenant: str = EVERYBODY
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    memory: Memory | None = None
    generate: bool = True

    @property
    def item(self) -> str:
        return self.items[0] if self.items else ""

    def reading(self, operation: Operation) -> str:
        """What the body is to be decoded as."""
        return operation.name if self.generate else PREPARE

    @property
    def request_id(self) -> str:
        return f"req_{self.token}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets: a whole answer as `document` or as `body`, or a `stream` of bytes.

    A stream must be closed by its reader, early or not; that cancels the work behind it.
    """

    status: int
    headers: Mapping[str, str]
    document: Document | None = None
    body: bytes | None = None
    stream: AsyncIterator[bytes] | None = None
