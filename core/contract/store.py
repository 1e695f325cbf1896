"""What a store must be: it keeps records of bytes under a key, for a while and within bounds.

A store knows nothing of what it keeps. Who writes a record decides on its bytes, its name and how
long it may stay; the store decides how much there may be of all of them together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel

ConfigModel: TypeAlias = "type[BaseModel]"


@dataclass(frozen=True, slots=True)
class Key:
    """Whose record it is, what it is, and its name among those; no part is ever empty."""

    tenant: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Write:
    """A record that is to be kept; `expires` is in seconds since 1970, and None is never."""

    key: Key
    record: bytes
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records by their ids, in the order they were asked for, and whether there are `more`."""

    records: Sequence[tuple[str, bytes]] = ()
    more: bool = False


class Store(ABC):
    """Where a distribution keeps what outlives a call; its type and configuration are `store`.

    The life of a store: constructed with its validated configuration, `start`, then any number of
    calls at the same time, then `stop`. It starts before the providers and stops after them.

    Every tenant has bounds, and a store forgets the tenant's oldest records to stay within them,
    at the latest in its next sweep. So a record may be gone before it expires, and its reader takes
    that as a fact of life. An expired record is nowhere to be found, whether it still takes up
    space or not. A record is whole: nobody reads half of one.

    What a call has written when it returns is kept, as well as the store can keep anything: one
    that outlives its process loses nothing of it where the process is killed.
    """

    type: ClassVar[str]
    Config: ClassVar[ConfigModel]

    def __init__(self, config: Any) -> None:
        self.config = config

    async def start(self) -> None:  # noqa: B027 (a store may have nothing to open)
        """Open what is needed; raises `ConfigError` with the remedy."""

    async def stop(self) -> None:  # noqa: B027
        """Finish what was begun, and let go of everything."""

    @property
    def place(self) -> str:
        """Where the records are, for people; without a secret."""
        return ""

    def status(self) -> Mapping[str, int]:
        """What is kept, in numbers for `GET /health`."""
        return {}

    @abstractmethod
    async def get(self, key: Key) -> bytes | None:
        """The record, or None where there is none any more."""

    async def put(self, key: Key, record: bytes, expires: float | None = None) -> None:
        """Keep a record, in place of what was there; it is then the newest one.

        Raises `TooLarge` for a record that could not be kept if it were the only one, and changes
        nothing then.
        """
        await self.put_all([Write(key, record, expires)])

    @abstractmethod
    async def put_all(self, writes: Sequence[Write]) -> None:
        """Keep these records, the last one of them the newest: all, or none where it fails."""

    @abstractmethod
    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        """Keep a record where `expected` is what is there, and say whether it was.

        None is for a key that has no record. Of any number of swaps at the same time that expect
        the same, in all processes that share the store, exactly one succeeds.
        """

    @abstractmethod
    async def delete(self, key: Key) -> bool:
        """Forget a record; whether there was one."""

    @abstractmethod
    async def delete_all(self, tenant: str, kind: str, prefix: str = "") -> int:
        """Forget a tenant's records of one kind whose ids begin with `prefix`; how many."""

    @abstractmethod
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
        """A tenant's records of one kind whose ids begin with `prefix`, at most `limit` of them.

        Ids are ordered as Python orders text, and those that sort behind `after` are listed; or
        backwards, from the last one, or from those that sort before `after`. Nothing needs to be at
        `after`, so that a page's last id is a good place to go on from even if that record has
        gone in the meantime.
        """

    async def sweep(self) -> int:
        """Forget now what has expired, and what is beyond the bounds; how many records.

        A store does so by itself from time to time.
        """
        return 0

    async def upgrade(self) -> str:
        """Bring what is kept into the form that this version reads, and say what was done.

        It is called for a store that is not started, by `stack db upgrade`.
        """
        return f"a store of type {self.type} has nothing to upgrade"
