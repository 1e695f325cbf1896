"""Methods and paths in, replies out: what every face that speaks in HTTP's words shares.

A face brings its own transport, and its own rules of who may come in. What a path means, how an
error looks in the client's protocol and which headers every answer bears is said here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import orjson

from ..canon.errors import MethodNotAllowed, NotFound, StackError
from ..contract.api import Api, Document, Operation
from .auth import Keys
from .call import Call, Reply
from .managing import PREFIX, manage, refused
from .routes import Match, Routes
from .stack import Stack

logger = logging.getLogger("polystack")


class Front:
    """The paths of a running Stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._routes = Routes(list(stack.apis.values()))
        self._connections = Routes(list(stack.apis.values()), connections=True)
        self._keys = Keys(stack.distribution.server.api_keys)

    @property
    def key(self) -> str | None:
        """One that lets a client in, or None where everybody may."""
        keys = self._stack.distribution.server.api_keys
        return keys[0].get_secret_value() if keys else None

    def page(self, path: str) -> Document | None:
        """What stands at a path that belongs to no API."""
        match path:
            case "/":
                return self._stack.index()
            case "/health":
                return self._stack.health()
            case _:
                return None

    async def managed(self, method: str, path: str, headers: Mapping[str, str]) -> Reply | None:
        """The answer at a path of the stack's own; None for any other path."""
        if not path.startswith(PREFIX):
            return None
        try:
            self._keys.check(headers)
        except StackError as error:
            return refused(error)
        return await manage(self._stack, method, path)

    def match(self, method: str, path: str, headers: Mapping[str, str]) -> Match:
        return self._routes.match(method, path, headers)

    def match_connection(self, path: str, headers: Mapping[str, str]) -> Match:
        """What a WebSocket at a path is; whoever answers there has to refuse one that is none."""
        found = self._connections.match("GET", path, headers)
        return (
            found if found.operation else replace(self.match("GET", path, headers), operation=None)
        )

    def admit(
        self, match: Match, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[Operation, str]:
        """The operation that a call asks for, and its tenant.

        Raises for a stranger, or where there is none.
        """
        tenant = self._keys.check(headers)
        if match.operation is not None:
            return match.operation, tenant
        if match.allowed:
            raise WrongMethod(method, path, match.allowed)
        raise NotFound(f"{method} {path} is not served here; see GET / for what is")

    async def answer(self, api: Api, operation: Operation, call: Call) -> Reply:
        """Never raises a `StackError`: what fails before the answer is an answer, too."""
        try:
            return await self._stack.handle(api, operation, call)
        except StackError as error:
            return refusal(api, error, call.request_id)
        except Exception:
            logger.exception("a request failed")
            return refusal(api, failed(), call.request_id)


class WrongMethod(MethodNotAllowed):
    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} {path} is not served; use {', '.join(allowed)}")
        self.allowed = allowed


def failed() -> StackError:
    """What a client is told of a fault of ours."""
    return StackError("internal error; see the server's log")


def refusal(api: Api, error: StackError, request_id: str) -> Reply:
    """An error as an answer in the client's protocol."""
    rendered = api.encode_error(error, request_id)
    headers = dict(rendered.headers)
    if isinstance(error, WrongMethod):
        headers["allow"] = ", ".join(error.allowed)
    return Reply(rendered.status, headers, rendered.document)


def body_of(reply: Reply) -> bytes:
    """The bytes of a whole answer."""
    return orjson.dumps(reply.document) if reply.body is None else reply.body


def heads(reply: Reply, request_id: str, length: int | None = None) -> dict[str, str]:
    """All headers of an answer; `length` is that of a whole body, in bytes."""
    # The two vendors' SDKs look for the id under two names.
    ids = {"x-request-id": request_id, "request-id": request_id}
    if length is None:
        return ids | dict(reply.headers)
    kind = {"content-type": "application/json"}
    return ids | kind | dict(reply.headers) | {"content-length": str(length)}
