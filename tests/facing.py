"""The two faces that an SDK can meet a stack through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

from serving import serving

Face: TypeAlias = Callable[[Path | str], AbstractContextManager[str]]
"""Runs a distribution, and gives the URL to ask it by."""


def face_of(name: str) -> Face:
    if name == "http":
        return serving
    from embedding import embedded  # slow, and most tests need no SDK

    return embedded
