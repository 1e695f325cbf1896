"""The library face: a Stack in this process, for official SDK clients and for plain calls."""

from __future__ import annotations

from .blocking import Blocking
from .stack import Stack

__all__ = ["Blocking", "Stack"]
