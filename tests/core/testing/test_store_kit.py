"""The kit for stores finds what is broken, and says it with the rule."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from polystack.core.contract.store import Key, Page, Store, Write
from polystack.core.stores.memory import Memory, MemoryConfig
from polystack.core.testing import STORE_CHECKS, ContractBroken, check_store


class Truncating(Memory):
    async def get(self, key: Key) -> bytes | None:
        found = await super().get(key)
        return found and found[:100]


class Trimming(Memory):
    async def get(self, key: Key) -> bytes | None:
        return await super().get(Key(key.tenant, key.kind, key.id.strip("\x00")))


class Sharing(Memory):
    async def get(self, key: Key) -> bytes | None:
        for tenant in self._shelves:
            if (found := await super().get(Key(tenant, key.kind, key.id))) is not None:
                return found
        return None


class Eternal(Memory):
    def _expired(self, write: Write) -> bool:
        return False


class Trickling(Memory):
    async def put_all(self, writes: Sequence[Write]) -> None:
        for write in writes:
            await super().put_all([write])
            await asyncio.sleep(0)


class Careless(Memory):
    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        found = await self.get(key)
        await self.put(key, record, expires)
        return found == expected


class Hesitating(Memory):
    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        if await self.get(key) != expected:
            return False
        await asyncio.sleep(0)
        await self.put(key, record, expires)
        return True


class Greedy(Memory):
    async def delete_all(self, tenant: str, kind: str, prefix: str = "") -> int:
        return await super().delete_all(tenant, kind, prefix.rstrip("."))


class Forwards(Memory):
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
        return await super().list(tenant, kind, after, limit, prefix=prefix)


class Clinging(Memory):
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
        if after and await self.get(Key(tenant, kind, after)) is None:
            return Page()
        return await super().list(tenant, kind, after, limit, prefix=prefix, backwards=backwards)


class Once(Memory):
    async def start(self) -> None:
        if self.__dict__.setdefault("ran", False):
            raise RuntimeError("started twice")
        self.ran = True


BROKEN: dict[str, type[Store]] = {
    "records": Truncating,
    "names": Trimming,
    "apart": Sharing,
    "expiry": Eternal,
    "together": Trickling,
    "swapping": Careless,
    "racing": Hesitating,
    "deleting": Greedy,
    "listing": Forwards,
    "pages": Clinging,
    "life": Once,
}


@pytest.mark.parametrize("check", BROKEN)
async def test_a_check_finds_what_it_is_there_for(check: str) -> None:
    with pytest.raises(ContractBroken, match=f"store 'memory' breaks the contract:\n  {check}: "):
        await check_store(lambda: BROKEN[check](MemoryConfig()), only=[check])


async def test_all_findings_are_told_at_once() -> None:
    with pytest.raises(ContractBroken) as caught:
        await check_store(lambda: Eternal(MemoryConfig()))
    assert [finding.check for finding in caught.value.findings] == ["expiry", "swapping"]


class Hanging(Memory):
    async def delete(self, key: Key) -> bool:
        await asyncio.Event().wait()
        return True


async def test_a_check_that_hangs_is_a_finding() -> None:
    with pytest.raises(ContractBroken, match=r"deleting: it did not end within 0\.01 seconds"):
        await check_store(lambda: Hanging(MemoryConfig()), only=["deleting"], patience=0.01)


async def test_an_unknown_check_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no check 'speed'"):
        await check_store(lambda: Memory(MemoryConfig()), only=["speed"])
    assert set(BROKEN) == set(STORE_CHECKS)
