"""A call whose answer is kept: what it continues is looked up, and it is kept before its end.

An answer is in the store before a client sees that it is complete. Where it cannot be kept, the
client gets an error in place of that end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..canon import ir
from ..canon.collect import Collector
from ..canon.errors import InvalidRequest, StackError
from ..contract.api import Api, Context, Document
from ..contract.losses import Ledger
from ..contract.state import Asking, Opened, State

logger = logging.getLogger("polystack")


class Session:
    """One call to an Api that keeps answers; `request` is what it asks, history included."""

    def __init__(
        self, api: Api, state: State, asking: Asking, opened: Opened, operation: str
    ) -> None:
        try:
            self.request = api.decode(opened.document, operation)
        except InvalidRequest as error:
            raise state.placed(error, opened) from None
        self.opened = opened
        self.created = asking.now
        self._api = api
        self._state = state
        self._asking = asking
        self._collector = Collector()

    async def watch(
        self, events: Sequence[tuple[int, ir.Event]], context: Context
    ) -> Sequence[tuple[int, ir.Event]]:
        """The same events; the end of an answer that could not be kept is a failure."""
        if self.opened.into is None:
            return events
        for _, event in events:
            if isinstance(event, ir.Failed):
                self.failed(event.error)
            else:
                self._collector.feed(event)
        choice, last = events[-1]  # an answer ends once, and nothing is behind its end
        if not isinstance(last, ir.Finished):
            return events
        return [*events[:-1], (choice, await self._finished(last, context))]

    async def _finished(self, event: ir.Finished, context: Context) -> ir.Event:
        try:
            response = self._collector.response()
            # The ledger of the answer itself is the encoder's to write.
            own = replace(context, losses=Ledger())
            await self.keep(self._api.document(self.request, [response], own), response)
        except StackError as error:
            return ir.Failed(error)
        except Exception:
            logger.exception("an answer could not be kept")
            return ir.Failed(StackError("the answer could not be kept; see the server's log"))
        return event

    def failed(self, error: StackError) -> None:
        """The answer has ended in a failure, and is not kept."""

    async def keep(self, answer: Document, response: ir.Response) -> None:
        if self.opened.into is not None:
            record = await self._state.keep(self._asking, self.opened, answer, response)
            await self.opened.into.put(record)
