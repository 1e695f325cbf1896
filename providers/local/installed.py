"""Whether the packages are there that an engine needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec


def lacking(packages: Iterable[str]) -> str | None:
    """What Python would say of the first that is not there; imports none of them."""
    missing = next((name for name in packages if find_spec(name) is None), None)
    return None if missing is None else f"No module named {missing!r}"
