"""Errors in this protocol's envelope, and an upstream's envelope as an error.

The types are those of the official SDK's `types/shared`; 409 and 413 are Anthropic's documented
`conflict_error` and `request_too_large`.
"""

from __future__ import annotations

from typing import Any

from ...core.canon.errors import (
    Conflict,
    ContextOverflow,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    StackError,
    TooLarge,
    UpstreamError,
    UpstreamTimeout,
)
from ...core.contract.api import Document, Headers, Rendered
from ..complaints import (
    REFUSED,
    STATUSES,
    complaint,
    overflow,
    overflows,
    retry_after,
    unwrapped,
    waiting,
    words_of,
)
from .request import THREADS

_TYPES = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "rate_limited": "rate_limit_error",
    "overloaded": "overloaded_error",
    "upstream": "api_error",
    "timeout": "timeout_error",
    "internal": "api_error",
    "config": "api_error",
}
_OVERLOADED = 529


# Claude Code looks for these words, and shows the numbers that follow them in `ContextOverflow`.
_TOO_LONG = "prompt is too long"


def envelope(error: StackError, request_id: str) -> Document:
    message = error.message
    if error.code == ContextOverflow.code and _TOO_LONG not in message:
        message = f"{_TOO_LONG}: {message}"
    fields: dict[str, Any] = {"type": _TYPES[error.kind], "message": message}
    if error.code == THREADS:
        fields["details"] = {"error_code": THREADS, "unsupported": [error.param]}
    return {"type": "error", "error": fields, "request_id": request_id}


def encode_error(error: StackError, request_id: str) -> Rendered:
    headers = {"request-id": request_id} | waiting(error.retry_after, error.retried)
    status = _OVERLOADED if error.kind == "overloaded" else error.status
    return Rendered(status, headers, envelope(error, request_id))


# An upstream's -----------------------------------------------------------------------------------

_BY_TYPE: dict[str, type[StackError]] = {
    "invalid_request_error": InvalidRequest,
    "not_found_error": NotFound,
    "conflict_error": Conflict,
    "request_too_large": TooLarge,
    "rate_limit_error": RateLimited,
    "overloaded_error": Overloaded,
    "timeout_error": UpstreamTimeout,
    "gateway_timeout_error": UpstreamTimeout,
}
_REFUSED_TYPES = ("authentication_error", "billing_error", "permission_error")


def decode_error(status: int, headers: Headers, body: bytes) -> StackError:
    """What an upstream's status and body mean for our client."""
    if status in REFUSED:
        return _refused(f"status {status}")
    fields = complaint(body)
    words = words_of(fields) or f"the upstream answered {status}"
    return _made(STATUSES.get(status, UpstreamError), words, fields, headers)


def error_of(fault: object) -> StackError:
    """The error of an answer that had begun, bare or in its envelope."""
    fields = unwrapped(fault)
    kind = str(fields.get("type"))
    if kind in _REFUSED_TYPES:
        return _refused(kind)
    words = words_of(fields) or "the upstream failed and did not say why"
    return _made(_BY_TYPE.get(kind, UpstreamError), words, fields)


def fault(document: object) -> StackError | None:
    """What a whole answer under a 2xx says of a failure, if that is what it is."""
    match document:
        case {"type": "error"} | {"object": "error"}:
            return error_of(document)
        case {"content": _} | {"input_tokens": _}:  # which is all that a count of tokens has
            return None
        case {"error": words} if words:
            return error_of(document)
        case _:
            return UpstreamError("the upstream's answer made no sense: it has no content")


def _refused(how: str) -> StackError:
    """The upstream refuses *our* key: no fault of the client's, and its words may name the key."""
    return UpstreamError(f"the upstream refused this server's credentials ({how})")


def _made(
    make: type[StackError], words: str, fields: Document, headers: Headers | None = None
) -> StackError:
    if too_long := overflow(fields, words):
        return too_long
    if overflows(fields, words):
        return InvalidRequest(words, code=ContextOverflow.code)
    return make(words, retry_after=retry_after(headers))
