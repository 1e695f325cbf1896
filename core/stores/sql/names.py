"""How records and their names are written down for a database, and what may be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""A record with its columns by name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Which records are asked for, as in `Store.list`."""

    tenant: str
    kind: str
    after: str
    limit: int
    prefix: str
    backwards: bool


def encoded(name: str) -> bytes:
    return name.encode(errors="surrogatepass")


def decoded(name: bytes) -> str:
    return name.decode(errors="surrogatepass")
