"""Errors of this protocol: OpenAI's envelope, before an answer or within its stream."""

from __future__ import annotations

from ...core.canon.errors import StackError
from ...core.contract.api import Rendered
from .. import openai
from ..sse import frame

PROMPT = "messages"


def encode_error(error: StackError, request_id: str) -> Rendered:
    return openai.encode_error(error, request_id, PROMPT)


def failure(error: StackError) -> bytes:
    """The last frame of a stream that failed; no `[DONE]` follows, for that would be success."""
    return frame({"error": openai.error_body(error, PROMPT)})
