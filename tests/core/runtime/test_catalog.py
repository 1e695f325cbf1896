"""Providers whose models are listed lazily, and names that no list could change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from polystack.core import Model, Provider
from polystack.core.canon.errors import UnknownModel, UpstreamError
from polystack.core.runtime import catalog
from polystack.core.runtime.catalog import Catalog
from polystack.core.runtime.config import Distribution


class Server(Provider):
    """A server far away: it lists on demand, and takes any name behind its own."""

    type = "server"
    lazy = True

    def __init__(self, name: str, ids: Sequence[str] = ()) -> None:
        super().__init__(name, None)
        self.ids = ids
        self.asked = 0
        self.down = False

    async def models(self) -> Sequence[Model]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise UpstreamError("refused")
        return [Model(id, context_window=9) for id in self.ids]

    def offer(self, id: str) -> Model | None:
        return Model(id)


class Engine(Provider):
    type = "engine"

    async def models(self) -> Sequence[Model]:
        return [Model("tiny")]


async def started(*servers: Server, **fields: object) -> Catalog:
    providers: dict[str, Provider] = {server.name: server for server in servers}
    providers["local"] = Engine("local", None)
    distribution = Distribution.model_validate(
        {
            "version": 1,
            "name": "test",
            "apis": ["any"],
            "providers": {name: {"type": "any"} for name in providers},
            **fields,
        }
    )
    made = Catalog(distribution, providers)
    await made.start()
    return made


async def destination(models: Catalog, name: str) -> str:
    target = await models.resolve(name)
    return f"{target.provider.name}:{target.model.id}"


async def test_nobody_is_asked_for_what_the_distribution_names() -> None:
    up = Server("up", ["gpt"])
    models = await started(
        up,
        models={"mine": {"provider": "up", "model": "gpt-5"}, "same": {"provider": "up"}},
        aliases={"fast": "up/mini"},
    )
    assert await destination(models, "mine") == "up:gpt-5"
    assert await destination(models, "same") == "up:same"
    assert await destination(models, "fast") == "up:mini"
    assert await destination(models, "up/anything/at-all") == "up:anything/at-all"
    assert up.asked == 0


async def test_a_list_is_fetched_when_a_name_is_looked_for_and_then_kept() -> None:
    up = Server("up", ["gpt"])
    models = await started(up)
    assert await destination(models, "gpt") == "up:gpt"
    assert (await models.resolve("gpt")).model.context_window == 9
    with pytest.raises(UnknownModel):
        await models.resolve("other")
    assert up.asked == 1


async def test_many_callers_wait_for_one_list() -> None:
    up = Server("up", ["gpt"])
    models = await started(up)
    found = await asyncio.gather(*(destination(models, "gpt") for _ in range(20)))
    assert set(found) == {"up:gpt"}
    assert up.asked == 1


async def test_a_glob_waits_for_the_lists_since_an_id_goes_before_it() -> None:
    up = Server("up", ["claude-opus"])
    models = await started(up, aliases={"claude-*": "local/tiny"})
    assert await destination(models, "claude-opus") == "up:claude-opus"
    assert await destination(models, "claude-haiku") == "local:tiny"


async def test_an_exact_alias_goes_before_what_a_server_happens_to_offer() -> None:
    up = Server("up", ["fast"])
    models = await started(up, aliases={"fast": "local/tiny"})
    assert await destination(models, "fast") == "local:tiny"
    assert [m.id for m in (await models.fresh()).models()].count("fast") == 1


async def test_a_server_that_is_down_stops_nothing_and_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    up = Server("up", ["gpt"])
    up.down = True
    models = await started(up)
    assert await destination(models, "tiny") == "local:tiny"
    with pytest.raises(UnknownModel):
        await models.resolve("gpt")
    with pytest.raises(UnknownModel):
        await models.resolve("gpt")
    assert up.asked == 1, "one that failed has some peace"
    up.down = False
    monkeypatch.setattr(catalog, "FAILED", 0.0)
    models = await started(up)
    assert await destination(models, "gpt") == "up:gpt"


async def test_an_old_list_serves_while_a_new_one_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog, "FRESH", 0.0)
    up = Server("up", ["old"])
    models = await started(up)
    assert await destination(models, "old") == "up:old"
    up.ids = ["old", "new"]
    assert await destination(models, "old") == "up:old"
    while up.asked < 2 or "new" not in [m.id for m in models.current().models()]:
        await asyncio.sleep(0)
    assert await destination(models, "new") == "up:new"
    await models.stop()
