"""A guess at the tokens of a request, where nobody counts them."""

from __future__ import annotations

from typing import Any

BYTES_A_TOKEN = 4
BYTES_OF_MEDIA = 6_000  # an image costs some 1,500 tokens, however many bytes it has
LONG = 4_096  # a base64 text longer than this is no prose


def estimated_tokens(body: Any, written: bytes) -> int:
    """A token for four bytes of a document as it is `written`, media counted by the piece."""
    media = _media(body) if b"base64" in written else 0
    return max(1, (len(written) - media) // BYTES_A_TOKEN)


def _media(value: Any) -> int:
    """The bytes that inline media have beyond what they are worth."""
    match value:
        case dict():
            return sum(_media(inner) for inner in value.values() if not isinstance(inner, int))
        case list():
            return sum(map(_media, value))
        case str() if len(value) > LONG and " " not in value[:LONG]:
            return len(value) - BYTES_OF_MEDIA
        case _:
            return 0
