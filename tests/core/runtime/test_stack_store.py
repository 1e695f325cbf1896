"""The store of a distribution: how it is named, when it starts, and when it stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polystack.core import ConfigError, Stack, hookimpl
from polystack.core.contract.store import Key, Store
from polystack.core.faces.cli.checking import check
from polystack.core.runtime.config import load, masked
from polystack.core.runtime.plugins import Plugins
from polystack.core.stores.memory import Memory
from polystack.providers.scripted.provider import Scripted

LIFE: list[str] = []


class Minded(Memory):
    """Keeps its records in memory, and a diary of its life."""

    type = "minded"

    async def start(self) -> None:
        LIFE.append("store starts")

    async def stop(self) -> None:
        LIFE.append("store stops")


class Broken(Minded):
    type = "broken"

    async def start(self) -> None:
        raise OSError("disk full")


class Witness(Scripted):
    type = "witness"

    async def start(self) -> None:
        LIFE.append("provider starts")
        await super().start()

    async def stop(self) -> None:
        LIFE.append("provider stops")


class Failing(Witness):
    type = "failing"

    async def start(self) -> None:
        raise RuntimeError("no fuel")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    @hookimpl
    def register_stores(register: Callable[[type[Store]], None]) -> None:
        register(Minded)
        register(Broken)

    @hookimpl
    def register_providers(register: Callable[[Any], None]) -> None:
        register(Witness)
        register(Failing)

    module = ModuleType("minded")
    module.__dict__.update(register_stores=register_stores, register_providers=register_providers)
    monkeypatch.setitem(__import__("sys").modules, "minded", module)
    LIFE.clear()
    names = ("store.minded", "store.broken", "provider.witness", "provider.failing")
    ours = [EntryPoint(name, "minded", "polystack") for name in names]
    return Plugins([*entry_points(group="polystack"), *ours])


def distribution(store: object, provider: str = "witness") -> dict[str, Any]:
    return {
        "version": 1,
        "name": "keeping",
        "apis": ["chat"],
        "store": store,
        "providers": {"demo": {"type": provider}},
    }


async def test_the_store_starts_before_the_providers_and_stops_after_them(
    plugins: Plugins,
) -> None:
    async with Stack.load(distribution({"type": "minded"}), plugins=plugins) as stack:
        assert isinstance(stack.store, Minded)
    assert stack.store is None
    assert LIFE == ["store starts", "provider starts", "provider stops", "store stops"]


async def test_the_store_stops_where_a_provider_fails_to_start(plugins: Plugins) -> None:
    with pytest.raises(ConfigError, match="provider 'demo' failed to start: RuntimeError: no fuel"):
        await Stack.load(distribution({"type": "minded"}, "failing"), plugins=plugins).start()
    assert LIFE[-1] == "store stops"


async def test_a_store_that_fails_to_start_is_one_error_and_starts_no_provider(
    plugins: Plugins,
) -> None:
    with pytest.raises(ConfigError, match=r"^the store failed to start: OSError: disk full$"):
        await Stack.load(distribution({"type": "broken"}), plugins=plugins).start()
    assert "provider starts" not in LIFE


async def test_health_names_the_type_of_the_store_and_what_is_in_it(plugins: Plugins) -> None:
    async with Stack.load(distribution({"type": "memory"}), plugins=plugins) as stack:
        assert stack.store is not None
        await stack.store.put(Key("ann", "note", "1"), b"four")
        assert stack.health()["store"] == {"type": "memory", "records": 1, "bytes": 4}


async def test_a_distribution_that_names_no_store_has_none(plugins: Plugins) -> None:
    async with Stack.load(distribution(None), plugins=plugins) as stack:
        assert stack.store is None
        assert "store" not in stack.health()


# Errors ------------------------------------------------------------------------------------------

FILE = """\
version: 1
name: keeping
apis: [chat]
store: {store}
providers:
  demo: {type: witness}
"""


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("sqlite", "4:8: store: must be a mapping, not 'sqlite'"),
        ("{}", "4:1: store.type: is missing; add it"),
        (
            "{type: memry}",
            "4:15: store.type: no store 'memry' is installed; did you mean 'memory'? "
            "installed: broken, memory, minded, postgres, sqlite",
        ),
        (
            "{type: memory, size: 3}",
            "4:23: store.size: is not a known key; known: background, config, keep, max_file, type",
        ),
    ],
)
def test_what_is_wrong_with_a_store_is_said_with_its_place(
    store: str, said: str, plugins: Plugins, tmp_path: Path
) -> None:
    path = tmp_path / "keeping.yaml"
    path.write_text(FILE.replace("{store}", store))
    with pytest.raises(ConfigError) as caught:
        load(path, plugins=plugins)
    assert caught.value.message == f"{path}:{said}"


async def test_the_configuration_of_a_store_is_checked_with_its_place(
    plugins: Plugins, tmp_path: Path
) -> None:
    path = tmp_path / "keeping.yaml"
    path.write_text(FILE.replace("{store}", "{type: memory, config: {max_records: 0}}"))
    said = ":4:45: store.config.max_records: must be greater than or equal to 1, not 0"
    with pytest.raises(ConfigError) as caught:
        await Stack.load(path, plugins=plugins).start()
    assert caught.value.message == f"{path}{said}"
    path.write_text(path.read_text().replace("witness", "scripted"))
    with pytest.raises(ConfigError) as caught:
        check(str(path))
    assert caught.value.message == f"{path}{said}"


def test_the_store_is_shown_with_its_defaults(plugins: Plugins) -> None:
    loaded = load(distribution({"type": "memory", "config": {"max_records": 7}}), plugins=plugins)
    shown = masked(loaded, plugins)["store"]
    assert shown == {
        "type": "memory",
        "config": {"max_records": 7, "max_bytes": 256 << 20, "sweep_interval": 60},
        "keep": 30 * 86400.0,
        "background": 64,
        "max_file": 16 << 20,
    }
    assert json.dumps(shown)
