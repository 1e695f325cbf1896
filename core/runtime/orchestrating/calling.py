"""The calls of one round, run at the same time and shown one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from ...canon import ir
from ...canon.errors import StackError
from ...contract.executor import Outcome
from .offering import Function
from .reading import Numbers

logger = logging.getLogger("polystack")

UNRUN = "not run: this answer may have no more calls"


class Calls:
    """Runs calls by the names that the model knows; `results` are those of the calls last shown.

    At most `limit` calls are run, and the model reads of the others that they were not. A call that
    waits for the client has None for its result.
    """

    def __init__(
        self, request: ir.Request, functions: Mapping[str, Function], limit: int | None
    ) -> None:
        self._request = request
        self._functions = functions
        self.left = limit
        self.results: list[ir.ToolResult | None] = []

    async def show(
        self, calls: Sequence[ir.ToolCall], numbers: Numbers
    ) -> AsyncGenerator[ir.Event, None]:
        """The events of the calls and their results; closing it cancels what still runs."""
        self.results = [None] * len(calls)
        running = {
            place: self._started(call) for place, call in enumerate(calls) if self._runs(call)
        }
        try:
            for place, call in enumerate(calls):
                shown = self._shown(call)
                if not shown.pending and place not in running:
                    self.results[place] = ir.ToolResult(call.id, (ir.Text(UNRUN),), is_error=True)
                    continue
                for event in numbers.whole(replace(shown, arguments=""), call.arguments):
                    yield event
                if place in running:
                    result = self._result(shown, await running[place])
                    self.results[place] = replace(result, kind="function", server=None)
                    for event in numbers.whole(result):
                        yield event
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    def _runs(self, call: ir.ToolCall) -> bool:
        """Whether a call is run now; it is counted then."""
        if self._waits(call) or self.left == 0:
            return False
        self.left = None if self.left is None else self.left - 1
        return True

    def _waits(self, call: ir.ToolCall) -> bool:
        function = self._functions.get(call.name)
        return call.approval is None and function is not None and function.asks

    def _shown(self, call: ir.ToolCall) -> ir.ToolCall:
        function = self._functions.get(call.name)
        name = call.name if function is None else function.name
        server = call.server if function is None else function.server
        waits = self._waits(call)
        return replace(call, name=name, kind="server", server=server, pending=waits, extra=None)

    def _result(self, call: ir.ToolCall, outcome: Outcome) -> ir.ToolResult:
        return ir.ToolResult(call.id, outcome.content, outcome.is_error, "server", call.server)

    def _started(self, call: ir.ToolCall) -> asyncio.Task[Outcome]:
        return asyncio.create_task(self._outcome(call))

    async def _outcome(self, call: ir.ToolCall) -> Outcome:
        function = self._functions.get(call.name)
        if function is None:
            return _failure(f"there is no tool {call.name!r} any more")
        try:
            run = function.executor.call
            return await run(self._request, function.tool, function.name, call.arguments)
        except StackError as error:
            return _failure(error.message)
        except Exception as error:
            logger.exception("executor %s failed", function.executor.name)
            return _failure(f"the tool failed ({type(error).__name__})")


def _failure(why: str) -> Outcome:
    return Outcome((ir.Text(why),), is_error=True)
