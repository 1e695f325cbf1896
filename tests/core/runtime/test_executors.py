"""The executors of a distribution: how they are named, started and stopped, and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from polystack.core import Stack, ir
from polystack.core.canon.errors import ConfigError
from polystack.core.contract.executor import ConfigModel, Executor, Outcome
from polystack.core.runtime.config import load, masked
from polystack.core.runtime.plugins import Plugins

LIFE: list[str] = []


class Settings(BaseModel):
    key: SecretStr = SecretStr("")
    fails: bool = False


class Idle(Executor):
    type: ClassVar[str] = "idle"
    Config: ClassVar[ConfigModel] = Settings

    async def start(self) -> None:
        if self.config.fails:
            raise ConfigError("the key is wrong; ask for another")
        LIFE.append(f"{self.name} starts")

    async def stop(self) -> None:
        LIFE.append(f"{self.name} stops")

    def serves(self, tool: ir.Tool) -> bool:
        return False

    async def tools(self, request: ir.Request, tool: ir.Tool) -> Sequence[ir.Tool]:
        raise AssertionError("it serves none")

    async def call(self, request: ir.Request, tool: ir.Tool, name: str, arguments: str) -> Outcome:
        raise AssertionError("it has none")


def distribution(**executors: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "idle",
        "apis": ["chat"],
        "providers": {"scripted": {"type": "scripted"}},
        "executors": executors,
    }


async def test_executors_start_in_their_order_and_stop_in_the_other() -> None:
    LIFE.clear()
    given = distribution(one={"type": "idle"}, two={"type": "idle"})
    async with Stack.load(given, executors=[Idle]) as stack:
        assert list(stack.executors) == ["one", "two"]
        assert stack.health()["executors"] == {"one": {"type": "idle"}, "two": {"type": "idle"}}
    assert LIFE == ["one starts", "two starts", "two stops", "one stops"]


async def test_one_that_does_not_start_leaves_none_on() -> None:
    LIFE.clear()
    given = distribution(one={"type": "idle"}, two={"type": "idle", "config": {"fails": True}})
    stack = Stack.load(given, executors=[Idle])
    with pytest.raises(ConfigError, match="the key is wrong"):
        await stack.start()
    assert LIFE == ["one starts", "two stops", "one stops"]
    assert stack.executors == {}


def test_a_type_that_is_not_installed_is_an_error_that_says_what_is() -> None:
    with pytest.raises(ConfigError, match="no executor 'mpc' is installed; did you mean 'mcp'"):
        load(distribution(tools={"type": "mpc"}), plugins=Plugins())


def test_its_secrets_are_not_shown() -> None:
    servers = {"desk": {"url": "https://a.example", "headers": {"x-name": "token-1"}}}
    servers["shell"] = {"command": ["desk", "x"], "env": {"NAME": "token-2"}}
    given = distribution(tools={"type": "mcp", "config": {"servers": servers}})
    plugins = Plugins()
    shown = masked(load(given, plugins=plugins), plugins)
    assert "token-" not in str(shown)
    assert shown["executors"]["tools"]["config"]["servers"]["desk"]["url"] == "https://a.example"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"servers": {"desk": {}}}, "either a command or a url"),
        (
            {"servers": {"desk": {"command": ["x"], "url": "https://a"}}},
            "either a command or a url",
        ),
        ({"allow": ["https://*/mcp"]}, "allows every host"),
        ({"allow": ["tools.example.com"]}, "no http or https address"),
    ],
)
async def test_what_cannot_be_meant_is_refused(config: dict[str, Any], problem: str) -> None:
    stack = Stack.load(distribution(tools={"type": "mcp", "config": config}))
    with pytest.raises(ConfigError, match=problem):
        await stack.start()
