"""Responses, conversations and files that are kept, and how a new response goes on from them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest, StackError
from ....core.contract import state
from ....core.contract.api import Context, Document, Operation
from ....core.contract.state import Asking, Opened, Record, Watched
from . import conversations, files, placing, record, responses, running
from .beginning import begin, keep

Serve: TypeAlias = "Callable[[Asking], Awaitable[Document | bytes]]"

_ONE, _CONVERSATION = "/v1/responses/{id}", "/v1/conversations/{id}"
_FILE = "/v1/files/{id}"

# Method, path and what serves it, by the operation's name.
SERVED: Mapping[str, tuple[str, str, Serve]] = {
    "retrieve": ("GET", _ONE, responses.retrieve),
    "delete": ("DELETE", _ONE, responses.delete),
    "cancel": ("POST", f"{_ONE}/cancel", running.cancel),
    "input_items": ("GET", f"{_ONE}/input_items", responses.input_items),
    "conversation_create": ("POST", "/v1/conversations", conversations.create),
    "conversation_retrieve": ("GET", _CONVERSATION, conversations.retrieve),
    "conversation_update": ("POST", _CONVERSATION, conversations.update),
    "conversation_delete": ("DELETE", _CONVERSATION, conversations.delete),
    "items_create": ("POST", f"{_CONVERSATION}/items", conversations.add_items),
    "items_list": ("GET", f"{_CONVERSATION}/items", conversations.list_items),
    "item_retrieve": ("GET", f"{_CONVERSATION}/items/{{item}}", conversations.retrieve_item),
    "file_create": ("POST", "/v1/files", files.create),
    "files": ("GET", "/v1/files", files.listing),
    "file_retrieve": ("GET", _FILE, files.retrieve),
    "file_delete": ("DELETE", _FILE, files.delete),
    "file_content": ("GET", f"{_FILE}/content", files.content),
    "item_delete": ("DELETE", f"{_CONVERSATION}/items/{{item}}", conversations.delete_item),
}
OPERATIONS = tuple(
    Operation(name, "state", method, path) for name, (method, path, _) in SERVED.items()
)

# A name may be written with escapes, but only whoever wants to hide it does so.
_TOUCHES = re.compile(
    rb'previous_response_id|"conversation"|item_reference|"background"|\\u00[2-7]'
)


class State(state.State):
    elsewhere = frozenset({"retrieve", "delete", "cancel", "input_items"})

    def touches(self, body: bytes) -> bool:
        return _TOUCHES.search(body) is not None

    async def open(self, asking: Asking) -> Opened:
        return await begin(asking)

    def placed(self, error: InvalidRequest, opened: Opened) -> InvalidRequest:
        return placing.placed(error, opened)

    async def keep(
        self, asking: Asking, opened: Opened, answer: Document, response: ir.Response
    ) -> Record:
        return await keep(asking, opened, answer, response)

    async def serve(self, operation: str, asking: Asking) -> Document | bytes:
        return await SERVED[operation][2](asking)

    def begun(
        self, asking: Asking, opened: Opened, request: ir.Request, context: Context
    ) -> tuple[Record, Document]:
        return running.begun(asking, opened, request, context)

    def going(self, document: Document) -> Document:
        return running.going(document)

    def broken(
        self, document: Document, error: StackError | None, answer: Document | None = None
    ) -> Document:
        return record.broken(document, error, answer)

    async def current(self, asking: Asking, id: str) -> Document | None:
        return await record.current(asking, id)

    def ending(self, document: Document, number: int) -> Sequence[bytes]:
        return running.ending(document, number)

    async def watched(self, operation: str, asking: Asking) -> Watched | None:
        return await running.watched(asking) if operation == "retrieve" else None
