"""Sizes for people to read."""

from __future__ import annotations


def human(size: int) -> str:
    """A number of bytes, in the unit that leaves few digits."""
    amount, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{size} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
