"""The executor: whose tool server it is, and the calls that go to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from ...canon import ir
from ...canon.errors import ConfigError, InvalidRequest, StackError, UpstreamTimeout
from ...contract.executor import ConfigModel, Executor, Outcome
from . import results
from .addresses import allowed
from .config import McpConfig, ServerConfig
from .connection import Address, Kept, connected, unreachable

if TYPE_CHECKING:
    from mcp import Client

PAGES = 100  # of a list of tools


class McpExecutor(Executor):
    """Connections to the servers of the distribution are kept; those to a client's own are not."""

    type: ClassVar[str] = "mcp"
    Config: ClassVar[ConfigModel] = McpConfig
    config: McpConfig

    def __init__(self, name: str, config: McpConfig) -> None:
        super().__init__(name, config)
        self._kept: dict[str, Kept] = {}

    async def start(self) -> None:
        if find_spec("mcp") is None:
            raise ConfigError(
                f"executor {self.name!r} needs the package mcp; pip install 'polystack[mcp]'"
            )
        for label, server in self.config.servers.items():
            self._kept[label] = Kept(_address(label, server), self.config.timeout)

    async def stop(self) -> None:
        for kept in self._kept.values():
            await kept.aclose()
        self._kept.clear()

    def status(self) -> Mapping[str, int]:
        return {"servers": len(self._kept), "open": sum(k.open for k in self._kept.values())}

    def serves(self, tool: ir.Tool) -> bool:
        return tool.server is not None

    async def tools(self, request: ir.Request, tool: ir.Tool) -> Sequence[ir.Tool]:
        async with self._client(tool) as client:
            found: list[ir.Tool] = []
            cursor: str | None = None
            for _ in range(PAGES):
                page = await client.list_tools(cursor=cursor)
                found += map(results.tool, page.tools)
                cursor = page.next_cursor
                if cursor is None:
                    break
            return found

    async def call(self, request: ir.Request, tool: ir.Tool, name: str, arguments: str) -> Outcome:
        try:
            given = json.loads(arguments or "{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            return Outcome((ir.Text("the arguments are no JSON object"),), is_error=True)
        async with self._client(tool) as client:
            return results.outcome(await client.call_tool(name, given))

    @asynccontextmanager
    async def _client(self, tool: ir.Tool) -> AsyncIterator[Client]:
        """A connection to the tool's server; what goes wrong with it is a `StackError`."""
        server = tool.server
        assert server is not None, "it serves no other tools"
        kept = self._named(server, tool.at)
        try:
            if kept is not None:
                yield await kept.client()
            else:
                address = Address(server.label, url=server.url or "", headers=server.headers)
                async with connected(address, self.config.timeout) as client:
                    yield client
        except StackError:
            raise
        except Exception as error:
            if kept is not None and not _answered(error):
                await kept.aclose()
            raise _failure(server.label, error) from None

    def _named(self, server: ir.ToolServer, at: str | None) -> Kept | None:
        """The distribution's own server of that label; None for a client's that is allowed."""
        kept = self._kept.get(server.label)
        own = self.config.servers.get(server.label)
        if kept is not None and own is not None and server.url in (None, own.url):
            return kept
        path = at or "tools"
        if server.url is None:
            labels = ", ".join(self._kept) or "none"
            raise InvalidRequest(
                f"{path}: no tool server {server.label!r} is known here; there is {labels}",
                param=path,
            )
        if not allowed(server.url, self.config.allow):
            raise InvalidRequest(
                f"{path}: this address of a tool server is not allowed here; ask for one by the "
                "label that the distribution gives it, or have the operator allow the address",
                param=path,
            )
        return None


def _address(label: str, server: ServerConfig) -> Address:
    return Address(
        label,
        tuple(server.command or ()),
        {name: value.get_secret_value() for name, value in server.env.items()},
        server.cwd,
        server.url or "",
        {name: value.get_secret_value() for name, value in server.headers.items()},
    )


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _answered(error: BaseException) -> bool:
    """Whether the server itself said so, and is there."""
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED

    error = _leaf(error)
    return isinstance(error, MCPError) and error.code != CONNECTION_CLOSED


def _failure(label: str, error: BaseException) -> StackError:
    from mcp import MCPError

    leaf = _leaf(error)
    if _answered(leaf) and isinstance(leaf, MCPError):
        return StackError(f"tool server {label}: {leaf.message}")
    if isinstance(leaf, TimeoutError):
        return UpstreamTimeout(f"tool server {label} took too long")
    return unreachable(label, leaf)
