"""Near matches, for errors that name what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` where something known is close, and else nothing."""
    matches = get_close_matches(word[:200], list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


def choices(word: str, known: Iterable[str], what: str) -> str:
    """What could have been written instead of `word`: the near match, then all there is."""
    names = sorted(set(known))
    available = f"{what}: {', '.join(names) or 'none'}"
    return " ".join(filter(None, [near(word, names), available]))
