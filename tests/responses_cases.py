"""The golden transcripts of Responses.

The lifecycle events of a golden stream hold only some fields of the response, and no more of it is
compared; `defaults.json` holds the fields that every answer has.
"""

from __future__ import annotations

from golden import TOKEN, Frame, Golden, comments, frames

from polystack.apis.responses.api import Responses

API = Responses()
GOLDEN = Golden(API)
CASES, STREAMS, ANSWERS = GOLDEN.cases, GOLDEN.streams, GOLDEN.answers

text = GOLDEN.text
request = GOLDEN.request
response = GOLDEN.response
events = GOLDEN.events
context = GOLDEN.context
encode = GOLDEN.encode
decode = GOLDEN.decode

__all__ = [
    "ANSWERS",
    "API",
    "CASES",
    "STREAMS",
    "TOKEN",
    "Frame",
    "comments",
    "context",
    "decode",
    "encode",
    "events",
    "frames",
    "request",
    "response",
    "text",
]
