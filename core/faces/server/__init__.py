"""The HTTP face: a Stack under uvicorn. It mounts what the APIs declare and names none of them."""

from __future__ import annotations

from .serve import serve

__all__ = ["serve"]
