"""A call whose answer is made in the background: its end waits for the events before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..canon import ir
from ..canon.errors import StackError
from ..contract import lease
from ..contract.api import Api, Context, Document
from ..contract.losses import Ledger, noted
from ..contract.state import Asking, Opened, Record, State
from .sessions import Session

UNENDED = "the server stopped before the answer was whole; ask again"


class Detached(Session):
    """It always streams, so that what there is of an answer can be kept when it breaks."""

    def __init__(
        self, api: Api, state: State, asking: Asking, opened: Opened, operation: str
    ) -> None:
        super().__init__(api, state, asking, opened, operation)
        self.state = state
        self.asking = asking
        self.streamed = self.request.stream
        self.request = replace(self.request, stream=True)
        self._context: Context | None = None
        self._ended: tuple[Document, ir.Response] | None = None
        self._error: StackError | None = None

    @property
    def is_over(self) -> bool:
        return self._ended is not None or self._error is not None

    async def watch(
        self, events: Sequence[tuple[int, ir.Event]], context: Context
    ) -> Sequence[tuple[int, ir.Event]]:
        self._context = context
        return await super().watch(events, context)

    def failed(self, error: StackError) -> None:
        self._ended, self._error = None, error

    def give_up(self, error: StackError) -> None:
        """The answer cannot be kept, nor any part of it."""
        self.failed(error)
        self._context = None

    async def keep(self, answer: Document, response: ir.Response) -> None:
        self._ended = answer, response

    def begun(self, context: Context) -> tuple[Record, Document]:
        return self.state.begun(self.asking, self.opened, self.request, context)

    async def ended(self, document: Document) -> Document:
        """The record of the answer, however it ended; `document` is that of its beginning."""
        if lease.is_cancelled(document) or self._ended is None:
            return self.broken(document)
        answer, response = self._ended
        # Its client had the headers before anything was lost.
        losses = () if self._context is None else self._context.losses
        kept = await self.state.keep(self.asking, self.opened, answer | noted(losses), response)
        return kept.document

    def broken(self, document: Document) -> Document:
        """The record of an answer that did not come to its end."""
        error = None if lease.is_cancelled(document) else self._error or StackError(UNENDED)
        return self.state.broken(document, error, self._cut())

    def _cut(self) -> Document | None:
        response = self._collector.cut()
        if response is None or self._context is None:
            return None
        return self._api.document(self.request, [response], replace(self._context, losses=Ledger()))
