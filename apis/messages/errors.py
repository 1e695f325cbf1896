"""Errors in this protocol's envelope, and an upstream's envelope as an error.

The types are those of the official SDK's `types/shared`; 409 and 413 are Anthropic's documented
`conflict_error` and `request_too_large`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from ...core.canon.errors import (
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
from .request import THREADS

# The SDK sleeps for as long as it is told to.
RETRY_AFTER_LIMIT = 60

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


def envelope(error: StackError, request_id: str) -> Document:
    fields: dict[str, Any] = {"type": _TYPES[error.kind], "message": error.message}
    if error.code == THREADS:
        fields["details"] = {"error_code": THREADS, "unsupported": [error.param]}
    return {"type": "error", "error": fields, "request_id": request_id}


def encode_error(error: StackError, request_id: str) -> Rendered:
    headers = {"request-id": request_id}
    if error.retry_after is not None:
        seconds = min(RETRY_AFTER_LIMIT, max(0, math.ceil(error.retry_after)))
        headers["retry-after"] = str(seconds)
    status = _OVERLOADED if error.kind == "overloaded" else error.status
    return Rendered(status, headers, envelope(error, request_id))


# An upstream's -----------------------------------------------------------------------------------

_OVERFLOW = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")
_SECRETS = re.compile(
    r"\b\w*(?:sk|key)[-_][\w-]{6,}|\bbearer\s+\S+|\bhttps?://\S+|\b\d+(?:\.\d+){3}(?::\d+)?\b",
    re.IGNORECASE,
)

Maker = Callable[..., StackError]

_BY_TYPE: dict[str, Maker] = {
    "invalid_request_error": InvalidRequest,
    "not_found_error": NotFound,
    "request_too_large": TooLarge,
    "rate_limit_error": RateLimited,
    "overloaded_error": Overloaded,
    "timeout_error": UpstreamTimeout,
    "gateway_timeout_error": UpstreamTimeout,
}
_BY_STATUS: dict[int, Maker] = {
    400: InvalidRequest,
    404: NotFound,
    408: UpstreamTimeout,
    413: TooLarge,
    422: InvalidRequest,
    429: RateLimited,
    503: Overloaded,
    504: UpstreamTimeout,
    529: Overloaded,
}
_REFUSED = (401, 402, 403)


def decode_error(status: int, headers: Headers, body: bytes) -> StackError:
    """What an upstream's status and body mean for our client.

    That the upstream refuses *our* key is no fault of the client's, and what it says about it may
    name the key.
    """
    if status in _REFUSED:
        return UpstreamError(f"the upstream refused this server's credentials (status {status})")
    make = _BY_STATUS.get(status, UpstreamError)
    return _made(make, _message(body) or f"the upstream answered {status}", _retry_after(headers))


def error_of(fields: object) -> StackError:
    """The `error` object of an event in mid-stream."""
    if not isinstance(fields, dict):
        return UpstreamError("the upstream failed and did not say why")
    message = fields.get("message")
    make = _BY_TYPE.get(str(fields.get("type")), UpstreamError)
    return _made(make, _redacted(message) if isinstance(message, str) else "the upstream failed")


def _made(make: Maker, message: str, retry_after: float | None = None) -> StackError:
    overflow = _OVERFLOW.search(message)
    if overflow:
        return ContextOverflow(int(overflow[1]), int(overflow[2]))
    return make(message, retry_after=retry_after)


def _message(body: bytes) -> str | None:
    """The upstream's own words, in any of the envelopes that are in use."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    match document:
        case {"error": {"message": str(message)}} | {"message": str(message)}:
            return _redacted(message)
        case {"error": str(message)} | {"detail": str(message)}:
            return _redacted(message)
        case _:
            return None


def _redacted(message: str) -> str:
    return _SECRETS.sub("[redacted]", message)[:2000]


def _retry_after(headers: Headers) -> float | None:
    """In seconds; a date needs a clock to be read, and there is none here."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
