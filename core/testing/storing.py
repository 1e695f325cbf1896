"""The checks of a store: each puts records in, and looks at what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from ..contract.store import Key, Page, Store, Write
from .findings import Breach

PAST = 1.0  # seconds since 1970
FUTURE = 1e11

KIND = "kept"
NAMES = (
    "a",
    "A",
    "é",
    "日本",
    "\U0001f600",
    "\uffff",
    "..",
    "a/b",
    "a b",
    "%",
    "_",
    "\x00",
    "\\",
    "'",
)
"""Names in no order; by UTF-16, or in the order of a language, they sort in other ways."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A store that runs, and tenants of its own."""

    store: Store
    tenant: str = field(default_factory=lambda: f"tenant-{uuid4().hex}")

    def key(self, id: str, kind: str = KIND, of: str = "") -> Key:
        return Key(self.tenant + of, kind, id)

    async def fill(self, *ids: str) -> None:
        await self.store.put_all([Write(self.key(id), id.encode()) for id in ids])

    async def ids(self, after: str = "", limit: int = 100, *, prefix: str = "") -> Sequence[str]:
        page = await self.store.list(self.tenant, KIND, after, limit, prefix=prefix)
        return [id for id, _ in page.records]


def same(seen: object, wanted: object, rule: str) -> None:
    if seen != wanted:
        raise Breach(f"{seen!r} and not {wanted!r}", rule)


async def records(trial: Trial) -> None:
    """A record comes back as it was put, also an empty one, and replaces what was there."""
    store, rule = trial.store, records.__doc__ or ""
    for record in (b"first", b"", bytes(range(256)) * 1000, b"last"):
        await store.put(trial.key("a"), record, FUTURE)
        same(await store.get(trial.key("a")), record, rule)
    same(await store.get(trial.key("b")), None, "there is nothing where nothing was put")


async def names(trial: Trial) -> None:
    """A name is any text, and each is another one."""
    store, rule = trial.store, names.__doc__ or ""
    for name in NAMES:
        await store.put(trial.key(name, kind=name), name.encode())
        await store.put(trial.key(name), name.encode())
    for name in NAMES:
        same(await store.get(trial.key(name, kind=name)), name.encode(), rule)
    listed = (await store.list(trial.tenant, KIND)).records
    same(listed, sorted((name, name.encode()) for name in NAMES), "ids sort as Python sorts text")


async def apart(trial: Trial) -> None:
    """Tenants and kinds have names of their own, and nobody reads or deletes another's."""
    store, rule = trial.store, apart.__doc__ or ""
    others = (trial.key("a", of="2"), trial.key("a", kind="other"), trial.key("a", kind=KIND + "a"))
    await store.put(trial.key("a"), b"mine")
    for other in others:
        same(await store.get(other), None, rule)
        same(await store.delete(other), False, rule)
        same(await store.delete_all(other.tenant, other.kind), 0, rule)
        same(await store.swap(other, b"theirs", None), True, rule)
    same(await store.get(trial.key("a")), b"mine", rule)
    same(await store.list(trial.tenant, KIND), Page([("a", b"mine")]), rule)


async def expiry(trial: Trial) -> None:
    """An expired record is nowhere to be found."""
    store, rule = trial.store, expiry.__doc__ or ""
    late = [Write(trial.key(f"late{n}"), b"late", PAST) for n in range(5)]
    await store.put_all([*late, Write(trial.key("kept"), b"kept", FUTURE)])
    same(await store.get(trial.key("late0")), None, rule)
    same(await store.delete(trial.key("late1")), False, rule)
    same(await store.swap(trial.key("late2"), b"new", b"late"), False, rule)
    same(await store.swap(trial.key("late2"), b"new", None), True, rule)
    same(await trial.ids(), ["kept", "late2"], rule)
    same(await trial.ids(limit=1, prefix="late"), ["late2"], rule)
    await store.sweep()
    same(await trial.ids(), ["kept", "late2"], "a sweep forgets only what has expired")
    await store.put(trial.key("late2"), b"late", PAST)
    same(await store.delete_all(trial.tenant, KIND), 1, rule)


async def together(trial: Trial) -> None:
    """Records that are put together are all there, or none; the last of a name is kept."""
    store, rule = trial.store, together.__doc__ or ""
    ids = [f"{n:02}" for n in range(20)]

    async def write(mark: bytes) -> None:
        order = ids if mark < b"m" else ids[::-1]
        await store.put_all([Write(trial.key(id), mark) for id in order])

    async def read() -> None:
        for _ in range(10):
            found = {record for _, record in (await store.list(trial.tenant, KIND)).records}
            same(len(found), 1, rule)

    await write(b"a")
    await asyncio.gather(read(), *(write(bytes([mark])) for mark in b"bcdxyz"), read())
    await store.put_all([Write(trial.key("00"), b"1"), Write(trial.key("00"), b"2")])
    same(await store.get(trial.key("00")), b"2", rule)
    await store.put_all([])


async def swapping(trial: Trial) -> None:
    """A swap writes where what is expected is there, and nowhere else."""
    store, key, rule = trial.store, trial.key("a"), swapping.__doc__ or ""
    for record, expected, found in (
        (b"1", b"0", False),
        (b"1", None, True),
        (b"2", None, False),
        (b"2", b"", False),
        (b"", b"1", True),
        (b"2", b"1", False),
        (b"3", b"", True),
    ):
        before = await store.get(key)
        same(await store.swap(key, record, expected), found, rule)
        same(await store.get(key), record if found else before, rule)
    await store.delete(key)
    same(await store.swap(key, b"4", b"3"), False, rule)
    same(await store.swap(key, b"4", None, PAST), True, rule)
    same(await store.get(key), None, "a swapped record expires like any other")


async def racing(trial: Trial) -> None:
    """Of swaps that expect the same, at the same time, exactly one succeeds."""
    store, key, rule = trial.store, trial.key("a"), racing.__doc__ or ""
    for expected in (None, b"0"):
        swaps = [store.swap(key, b"%d" % n, expected) for n in range(1, 17)]
        won = [n for n, swapped in enumerate(await asyncio.gather(*swaps), 1) if swapped]
        same(len(won), 1, rule)
        same(await store.get(key), b"%d" % won[0], rule)
        await store.put(key, b"0")

    async def count() -> None:
        for _ in range(5):
            while (was := await store.get(key) or b"") is not None:
                if await store.swap(key, b"%d" % (int(was) + 1), was):
                    break

    await asyncio.gather(*(count() for _ in range(4)))
    same(await store.get(key), b"20", rule)


async def deleting(trial: Trial) -> None:
    """What is deleted is gone, one record or all that begin the same, and said to have been."""
    store, rule = trial.store, deleting.__doc__ or ""
    await trial.fill("a", "b.1", "b.2", "b", "b\U0010ffff", "c")
    same(await store.delete(trial.key("a")), True, rule)
    same(await store.delete(trial.key("a")), False, rule)
    same(await store.delete_all(trial.tenant, KIND, "b."), 2, rule)
    same(await trial.ids(), ["b", "b\U0010ffff", "c"], rule)
    same(await store.delete_all(trial.tenant, KIND, "b"), 2, rule)
    same(await store.delete_all(trial.tenant, KIND), 1, rule)
    same(await store.delete_all(trial.tenant, KIND), 0, rule)


async def listing(trial: Trial) -> None:
    """Records are listed in the order of their ids, or backwards, under a prefix and behind one."""
    rule = listing.__doc__ or ""
    ids = sorted(["a", "b", "b.1", "b.10", "b.2", "b.é", "b\U0001f600", "c", "日本"])
    await trial.fill(*ids[::2], *ids[1::2])
    for prefix in ("", "b", "b.", "b.1", "d", "日"):
        for after in ("", "a", "b.1", "b.15", "z", "\U0010ffff"):
            for backwards in (False, True):
                await _listed(trial, ids, prefix, after, backwards, rule)


async def _listed(
    trial: Trial, ids: Sequence[str], prefix: str, after: str, backwards: bool, rule: str
) -> None:
    wanted = [id for id in ids if id.startswith(prefix)]
    if after:
        wanted = [id for id in wanted if (id < after if backwards else id > after)]
    wanted.sort(reverse=backwards)
    for limit in (2, 100):
        page = await trial.store.list(
            trial.tenant, KIND, after, limit, prefix=prefix, backwards=backwards
        )
        found = Page([(id, id.encode()) for id in wanted[:limit]], len(wanted) > limit)
        same(page, found, rule)


async def pages(trial: Trial) -> None:
    """Pages follow one another, even where the last record of one has gone meanwhile."""
    rule = pages.__doc__ or ""
    ids = [f"{n:02}" for n in range(10)]
    await trial.fill(*ids)
    found: list[str] = []
    while page := await trial.ids(found[-1] if found else "", 3):
        found += page
        await trial.store.delete(trial.key(found[-1]))
    same(found, ids, rule)


async def life(trial: Trial) -> None:
    """Stop is harmless at any time; after it a store starts again."""
    store, rule = trial.store, life.__doc__ or ""
    await store.stop()
    await store.stop()
    await store.start()
    await store.put(trial.key("a"), b"again")
    same(await store.get(trial.key("a")), b"again", rule)
