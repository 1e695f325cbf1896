"""Who works on a record that is not finished yet, and until when that holds without a sign of life.

A lease is a field of the record itself, so that whoever changes it does so by `swap`, and what
became of the work and who was at it can never contradict one another. A record without a lease is
finished.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

FIELD = "lease"


def is_held(document: Document) -> bool:
    """Whether somebody works on it, or has to be declared dead."""
    return document.get(FIELD) is not None


def is_held_by(document: Document | None, owner: str) -> bool:
    return document is not None and is_held(document) and document[FIELD]["owner"] == owner


def is_expired(document: Document, now: float) -> bool:
    """Whether whoever worked on it is dead; `now` is in seconds since 1970."""
    return is_held(document) and float(document[FIELD]["until"]) <= now


def is_cancelled(document: Document) -> bool:
    """Whether somebody wants the work on it to end."""
    return is_held(document) and bool(document[FIELD]["cancelled"])


def until(document: Document) -> float:
    return float(document[FIELD]["until"])


def held(document: Document, owner: str, until: float) -> Document:
    """The same, held by `owner`; that it is cancelled stays so."""
    lease = {"owner": owner, "until": until, "cancelled": is_cancelled(document)}
    return {**document, FIELD: lease}


def cancelled(document: Document) -> Document:
    return {**document, FIELD: {**document[FIELD], "cancelled": True}}


def released(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != FIELD}
