"""Tools of servers that speak the Model Context Protocol, over stdio and streamable HTTP."""

from __future__ import annotations

from collections.abc import Callable

from ...contract.executor import Executor
from ...contract.hookspecs import hookimpl
from .executor import McpExecutor


@hookimpl
def register_executors(register: Callable[[type[Executor]], None]) -> None:
    register(McpExecutor)
