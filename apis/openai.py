"""What OpenAI's protocols share: the envelope of an error, both ways, and the list of models."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.canon import errors
from ..core.contract.api import Document, Headers, Rendered
from ..core.contract.provider import Model
from .complaints import (
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
    headers |= waiting(error.retry_after, error.retried)
    return Rendered(error.status, headers, {"error": error_body(error, prompt)})


def error_body(error: errors.StackError, prompt: str | None = None) -> Document:
    too_long = error.code == errors.ContextOverflow.code
    return {
        "message": error.message,
        "type": TYPES[error.kind],
        "param": error.param or (prompt if too_long else None),
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

CODES: dict[str, type[errors.StackError]] = {
    "rate_limit_exceeded": errors.RateLimited,
    "slow_down": errors.RateLimited,
    "server_is_overloaded": errors.Overloaded,
    "model_not_found": errors.UnknownModel,
    "invalid_prompt": errors.InvalidRequest,
}
_NO_MODEL = re.compile(r"\bmodel\b.*(?:not found|not exist|no such)", re.IGNORECASE)


def decode_error(status: int, headers: Headers, body: bytes) -> errors.StackError:
    """An upstream's answer that is no answer; its addresses and secrets are cut out."""
    fault = complaint(body)
    words = words_of(fault) or f"the upstream answered with status {status}"
    return _made(STATUSES.get(status, errors.UpstreamError), status, words, fault, headers)


def decode_failure(fault: object) -> errors.StackError:
    """The error object of an answer that had begun, bare or in its envelope."""
    fields = unwrapped(fault)
    words = words_of(fields) or "the upstream failed without a reason"
    code = str(fields.get("code"))
    status = int(code) if code.isdecimal() and len(code) == 3 else 0
    return _made(
        CODES.get(code) or STATUSES.get(status, errors.UpstreamError), status, words, fields
    )


def _made(
    kind: type[errors.StackError],
    status: int,
    words: str,
    fault: Document,
    headers: Headers | None = None,
) -> errors.StackError:
    if status in REFUSED:
        return errors.UpstreamError(f"the upstream refused this server's credentials ({status})")
    if too_long := overflow(fault, words):
        return too_long
    code, param = fault.get("code"), fault.get("param")
    if overflows(fault, words):
        kind, code = errors.InvalidRequest, errors.ContextOverflow.code
    elif kind is errors.NotFound and (code == "model_not_found" or _NO_MODEL.search(words)):
        kind, code = errors.UnknownModel, None
    return kind(
        words,
        param=param if isinstance(param, str) else None,
        code=code if isinstance(code, str) and not code.isdecimal() else None,
        retry_after=retry_after(headers),
    )


def fault(document: object, mark: str) -> errors.StackError | None:
    """What a whole answer under a 2xx says of a failure; `mark` is the field that an answer has."""
    if not isinstance(document, dict):
        return errors.UpstreamError("the upstream's answer made no sense: it is no JSON object")
    if document.get("object") == "error" or (document.get("error") and not document.get(mark)):
        return decode_failure(document)
    if mark in document or "input_tokens" in document:  # which is all that a count of tokens has
        return None
    return errors.UpstreamError(f"the upstream's answer made no sense: it has no {mark}")
