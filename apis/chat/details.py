"""`reasoning_details`: thoughts in typed pieces, some of which only their maker can read.

OpenRouter sends them beside the plain text and wants them back unchanged. Where a piece is signed
or encrypted the whole list becomes the seal of the thought, as JSON; else the text says it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.seal import is_seal
from .shapes import Fields, count, text

ENCRYPTED = "reasoning.encrypted"
TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}
GROWING = (*TEXTS.values(), "data", "signature")


class Details:
    """The pieces of one thought, put together from the deltas of a stream."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[int, str], Document] = {}

    def feed(self, deltas: Iterable[Fields]) -> None:
        for delta in deltas:
            index = count(delta.get("index"), "index")
            place = len(self._pieces) if index is None else index
            key = place, text(delta.get("type"), "type")
            piece = self._pieces.setdefault(key, {})
            for name, value in delta.items():
                before = piece.get(name)
                grows = name in GROWING and isinstance(before, str) and isinstance(value, str)
                if value is not None or name not in piece:
                    piece[name] = before + value if grows else value

    @property
    def opaque(self) -> bool:
        """Whether something has come that only its maker can read or vouch for."""
        return any(piece.get("signature") or piece.get("data") for piece in self._pieces.values())

    def take(self) -> str | None:
        """The seal of what has come, which is then forgotten; None where none is needed."""
        sealed = orjson.dumps(list(self._pieces.values())).decode() if self.opaque else None
        self._pieces = {}
        return sealed


def shown(pieces: Sequence[Fields]) -> str:
    """The text of some pieces, where the server does not send it beside them."""
    fields = ((TEXTS.get(str(piece.get("type"))), piece) for piece in pieces)
    return "".join(text(piece.get(name), name) for name, piece in fields if name is not None)


def written(part: ir.Reasoning) -> list[Document]:
    """The pieces that say a thought to an upstream: its own, or the text alone."""
    if part.sealed is not None:
        try:
            pieces = orjson.loads(part.sealed)
        except orjson.JSONDecodeError:
            pieces = None
        if isinstance(pieces, list):
            return pieces
    words = part.text or "\n\n".join(part.summary)
    return [{"type": "reasoning.text", "text": words}] if words else []


# For our own clients ------------------------------------------------------------------------------


def sealed(seal: str, index: int) -> list[Document]:
    """A seal as a client echoes it; the SDKs join the pieces of a stream by their index."""
    return [{"type": ENCRYPTED, "data": seal, "index": index}]


def seals(pieces: object) -> list[str]:
    """The seals among the pieces that a client gives back."""
    given = pieces if isinstance(pieces, list) else []
    data = [piece.get("data") for piece in given if isinstance(piece, dict)]
    return [text for text in data if isinstance(text, str) and is_seal(text)]
