"""Several processes on one database, and processes that are killed while they write.

`--kills 100` kills that many of them; `-k sqlite` or `-k postgres` chooses the database.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import store_process
from store_process import GROUP, key, record

from polystack.core.contract.store import Store
from polystack.core.stores.sql.store import Sql

from .conftest import Make

Process = subprocess.Popen[str]


def begun(store: Sql, work: str, name: str) -> Process:
    secrets = {k: v.get_secret_value() for k, v in store.config if hasattr(v, "get_secret_value")}
    config = json.dumps(store.config.model_dump(mode="json") | secrets)
    return subprocess.Popen(
        [sys.executable, str(Path(store_process.__file__)), store.type, config, work, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def lines(process: Process) -> list[str]:
    """All that it still says, to its end."""
    said, _ = process.communicate("go\n", timeout=120)
    return said.split()


async def test_of_processes_that_swap_at_the_same_time_exactly_one_wins(make: Make) -> None:
    processes = [begun(make(), "racing", name) for name in ("one", "other")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [lines(process) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(map(int, won[0] + won[1])) == list(range(store_process.KEYS))
    store = make()
    await store.start()
    for name, numbers in zip(("one", "other"), won, strict=True):
        for number in numbers:
            assert await store.get(key(number, "fought")) == name.encode()
    assert await store.get(key("count")) == b"%d" % (2 * store_process.COUNTS)
    await store.stop()


async def test_what_was_acknowledged_outlives_a_process_that_is_killed(
    make: Make, pytestconfig: pytest.Config
) -> None:
    dice = random.Random(7)
    acknowledged: list[str] = []
    for number in range(pytestconfig.getoption("--kills") or 5):
        acknowledged += killed(begun(make(), "writing", str(number)), dice.randint(1, 60))
    store = make()
    await store.start()
    await all_there(store, acknowledged)
    await no_halves(store)
    await store.stop()


def killed(process: Process, after: int) -> Sequence[str]:
    """What it said that was written, before and while it was killed."""
    assert process.stdout is not None
    first = [process.stdout.readline().strip() for _ in range(after)]
    process.kill()
    return [*first, *lines(process)]


async def all_there(store: Store, acknowledged: Sequence[str]) -> None:
    assert acknowledged
    for group in acknowledged:
        ids = [f"{group}.{n}" for n in range(GROUP)]
        assert [await store.get(key(id)) for id in ids] == [record(id) for id in ids]


async def no_halves(store: Store) -> None:
    """Groups that nobody heard of may be there, but whole."""
    last = ""
    while (page := await store.list(store_process.TENANT, "response", last, 10 * GROUP)).records:
        for id, content in page.records:
            assert content == record(id)
            group = id.rpartition(".")[0]
            assert await store.get(key(f"{group}.{GROUP - 1}")) is not None
            last = id
