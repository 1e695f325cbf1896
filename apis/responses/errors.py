"""Errors of this protocol: OpenAI's envelope before the first byte, a failed response after it."""

from __future__ import annotations

from ...core.canon import errors
from ...core.contract.api import Document, Rendered
from .. import openai

PROMPT = "input"


def encode_error(error: errors.StackError, request_id: str) -> Rendered:
    return openai.encode_error(error, request_id, PROMPT)


def failure(error: errors.StackError) -> Document:
    """The `error` of a failed response; its codes are few, and Codex acts on them."""
    match error:
        case errors.RateLimited():
            code = "rate_limit_exceeded"
        case errors.StackError(code=errors.ContextOverflow.code):
            code = errors.ContextOverflow.code
        case errors.InvalidRequest():
            code = "invalid_prompt"
        case _:
            code = "server_error"
    return {"code": code, "message": error.message}


def event(error: errors.StackError) -> Document:
    """An error that is an event: nested as the specification has it, and flat as the SDK's type."""
    body = openai.error_body(error, PROMPT)
    return {**body, "error": body}
