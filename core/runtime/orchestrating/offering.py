"""What the model is offered in place of a request's server tools: the functions behind them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...canon import ir
from ...canon.errors import InvalidRequest, StackError
from ...contract.executor import Executor

logger = logging.getLogger("polystack")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a server tool; `name` is its own, whatever the model knows it by."""

    executor: Executor
    tool: ir.Tool
    name: str

    @property
    def server(self) -> str | None:
        return None if self.tool.server is None else self.tool.server.label

    @property
    def asks(self) -> bool:
        """Whether a call of it waits for the client."""
        return self.tool.server is not None and self.tool.server.asks(self.name)


@dataclass(frozen=True, slots=True)
class Offer:
    """The request with functions in place of the tools that are run here.

    `functions` are known by the names that the model calls them by.
    """

    request: ir.Request
    functions: Mapping[str, Function]
    listings: tuple[ir.ToolListing, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    tool: ir.Tool
    executor: Executor
    functions: Sequence[ir.Tool]
    error: str | None = None


async def offered(request: ir.Request, executors: Sequence[Executor]) -> Offer | None:
    """None where none of the tools is run here; raises `InvalidRequest` for one that may not be."""
    served = {
        place: executor
        for place, tool in enumerate(request.tools)
        if (executor := _executor_of(tool, executors)) is not None
    }
    if not served:
        return None
    asked = (_found(request, request.tools[i], executor) for i, executor in served.items())
    found = dict(zip(served, await asyncio.gather(*asked), strict=True))
    functions: dict[str, Function] = {}
    taken = {tool.name for tool in request.tools if tool.kind != "server"}
    tools: list[ir.Tool] = []
    for place, tool in enumerate(request.tools):
        tools += _functions(found[place], functions, taken) if place in found else [tool]
    choice = _choice(request.tool_choice, functions)
    listings = tuple(_listing(each) for each in found.values() if each.tool.server is not None)
    return Offer(replace(request, tools=tuple(tools), tool_choice=choice), functions, listings)


def _executor_of(tool: ir.Tool, executors: Iterable[Executor]) -> Executor | None:
    if tool.kind != "server":
        return None
    return next((executor for executor in executors if executor.serves(tool)), None)


async def _found(request: ir.Request, tool: ir.Tool, executor: Executor) -> _Found:
    try:
        functions = await executor.tools(request, tool)
    except InvalidRequest:
        raise
    except StackError as error:
        return _Found(tool, executor, (), error.message)
    except Exception as error:
        logger.exception("executor %s could not list the tools of %s", executor.name, tool.name)
        return _Found(tool, executor, (), f"the tools cannot be listed ({type(error).__name__})")
    server = tool.server
    wanted = [each for each in functions if server is None or server.offers(each.name)]
    return _Found(tool, executor, wanted)


def _functions(found: _Found, functions: dict[str, Function], taken: set[str]) -> list[ir.Tool]:
    shown: list[ir.Tool] = []
    for each in found.functions:
        function = Function(found.executor, found.tool, each.name)
        name = _free(each.name, function.server, taken)
        taken.add(name)
        functions[name] = function
        shown.append(replace(each, name=name, kind="function", at=found.tool.at))
    return shown


def _free(name: str, server: str | None, taken: set[str]) -> str:
    """The name itself, or where it is taken one that tells the server, or one with a number."""
    names = [name] if server is None else [name, f"{server}_{name}"]
    numbered = (f"{names[-1]}_{number}" for number in range(2, len(taken) + 3))
    return next(each for each in [*names, *numbered] if each not in taken)


def _listing(found: _Found) -> ir.ToolListing:
    assert found.tool.server is not None
    return ir.ToolListing(found.tool.server.label, tuple(found.functions), found.error)


# The choice --------------------------------------------------------------------------------------


def _choice(choice: ir.ToolChoice, functions: Mapping[str, Function]) -> ir.ToolChoice:
    if choice.allowed is not None:
        names = [n for word in choice.allowed for n in _meant(word, functions) or [word]]
        return replace(choice, allowed=tuple(names), extra=None)
    if choice.mode != "named" or choice.kind != "server":
        return choice
    meant = [name for name in functions if _is_chosen(functions[name], choice)]
    if len(meant) == 1:
        return ir.ToolChoice("named", meant[0], parallel=choice.parallel, at=choice.at)
    if not meant:
        return choice
    allowed = tuple(meant)
    return ir.ToolChoice("required", allowed=allowed, parallel=choice.parallel, at=choice.at)


def _meant(word: str, functions: Mapping[str, Function]) -> list[str]:
    """The functions that a word of an `allowed` list stands for: a name, a label or a type."""
    return [
        name for name, each in functions.items() if word in (each.name, each.server, each.tool.type)
    ]


def _is_chosen(function: Function, choice: ir.ToolChoice) -> bool:
    if choice.server is not None and function.server != choice.server:
        return False
    if choice.function is not None and function.name != choice.function:
        return False
    return choice.server is not None or function.tool.type == choice.name
