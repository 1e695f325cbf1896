"""What OpenAI's protocols share: the envelope of an error, both ways, and the list of models."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from ..core.canon import errors
from ..core.contract.api import Document, Headers, Rendered
from ..core.contract.provider import Model

RETRY_AFTER_LIMIT = 60  # seconds: clients sleep as long as they are told to

# Neither the client's identity nor its account: `openai-organization`, `openai-project`,
# `x-stainless-*`; nor `idempotency-key`, since one call may become several here.
REQUEST_HEADERS = frozenset({"openai-beta"})
# Nor this server's account on the way back.
RESPONSE_HEADERS = (
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-ratelimit-*",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
)

TYPES = {
    "invalid_request": "invalid_request_error",
    "authentication": "invalid_request_error",
    "permission": "permission_error",
    "not_found": "invalid_request_error",
    "conflict": "invalid_request_error",
    "too_large": "invalid_request_error",
    "rate_limited": "rate_limit_error",
    "overloaded": "server_error",
    "upstream": "server_error",
    "timeout": "server_error",
    "internal": "server_error",
    "config": "server_error",
}


def encode_error(error: errors.StackError, request_id: str, prompt: str | None = None) -> Rendered:
    """The answer to a call that failed before its first byte; `prompt` is the prompt's field."""
    headers = {"content-type": "application/json", "x-request-id": request_id}
    if error.retry_after is not None:
        seconds = min(max(math.ceil(error.retry_after), 0), RETRY_AFTER_LIMIT)
        headers["retry-after"] = str(seconds)
    return Rendered(error.status, headers, {"error": error_body(error, prompt)})


def error_body(error: errors.StackError, prompt: str | None = None) -> Document:
    overflow = isinstance(error, errors.ContextOverflow)
    return {
        "message": error.message,
        "type": TYPES[error.kind],
        "param": error.param or (prompt if overflow else None),
        "code": error.code,
    }


# Models ------------------------------------------------------------------------------------------


def listing(models: Sequence[Model]) -> Document:
    ids = [model.id for model in models]
    return {
        "object": "list",
        "data": [entry(model) for model in models],
        # Clients of the other dialect of this path page through it by these.
        "has_more": False,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }


def entry(model: Model) -> Document:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output,
    }


# The way back ------------------------------------------------------------------------------------

STATUSES: dict[int, type[errors.StackError]] = {
    400: errors.InvalidRequest,
    404: errors.NotFound,
    408: errors.UpstreamTimeout,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.InvalidRequest,
    429: errors.RateLimited,
    503: errors.Overloaded,
    504: errors.UpstreamTimeout,
    529: errors.Overloaded,
}
CODES: dict[str, type[errors.StackError]] = {
    "rate_limit_exceeded": errors.RateLimited,
    "slow_down": errors.RateLimited,
    "server_is_overloaded": errors.Overloaded,
    "model_not_found": errors.UnknownModel,
    "invalid_prompt": errors.InvalidRequest,
}

ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", re.I)
SECRET = re.compile(r"\b(?:sk|pk|rk|gsk|key|xai|hf)[-_][\w*.-]{6,}|\bBearer\s+\S+", re.I)
OVERFLOW = re.compile(r"(\d{3,})\D+?(\d{3,})")
MESSAGE_LIMIT = 500  # characters of an upstream's own words


def decode_error(status: int, headers: Headers, body: bytes) -> errors.StackError:
    """An upstream's answer that is no answer; its addresses and secrets are cut out."""
    if status in (401, 403):
        return errors.UpstreamError(f"the upstream refused this server's credentials ({status})")
    fault = _fault(body)
    kind = STATUSES.get(status, errors.UpstreamError)
    if status == 404 and fault.get("code") == "model_not_found":
        kind = errors.UnknownModel
    message = _message(fault) or f"the upstream answered with status {status}"
    return _build(kind, message, fault, _retry_after(headers))


def decode_failure(fault: object) -> errors.StackError:
    """The error object of an answer that had begun, bare or in its envelope."""
    words: Document = fault if isinstance(fault, dict) else {}
    if isinstance(words.get("error"), dict):
        words = words["error"]
    kind = CODES.get(str(words.get("code")), errors.UpstreamError)
    return _build(kind, _message(words) or "the upstream failed without a reason", words, None)


def _build(
    kind: type[errors.StackError], message: str, fault: Document, retry_after: float | None
) -> errors.StackError:
    code, param = fault.get("code"), fault.get("param")
    if code == errors.ContextOverflow.code:
        if numbers := OVERFLOW.search(message):
            pair = sorted((int(numbers[1]), int(numbers[2])))
            return errors.ContextOverflow(pair[1], pair[0])
        kind = errors.InvalidRequest
    return kind(
        message,
        param=param if isinstance(param, str) else None,
        code=code if isinstance(code, str) else None,
        retry_after=retry_after,
    )


def _fault(body: bytes) -> Document:
    try:
        document: Any = json.loads(body)
    except ValueError:
        return {}
    document = document if isinstance(document, dict) else {}
    fault = document.get("error", document)
    return fault if isinstance(fault, dict) else {"message": fault}


def _message(fault: Document) -> str:
    words = fault.get("message") or fault.get("detail") or ""
    if not isinstance(words, str):
        return ""
    words = SECRET.sub("[secret]", ADDRESS.sub("[address]", words))
    return words[:MESSAGE_LIMIT]


def _retry_after(headers: Headers) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
